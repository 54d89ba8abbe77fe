"""The questions and the switches name each other, and the total cost is within the documented limit."""

from __future__ import annotations

import pytest

from cronstack_infra.ask.table import QUESTIONS, UNASKED, question_of
from cronstack_infra.switches.table import SWITCHES, Switch


@pytest.mark.parametrize("switch", SWITCHES, ids=[switch.name for switch in SWITCHES])
def test_a_switch_has_a_question_or_a_reason(switch: Switch) -> None:
    if switch.asked.endswith("."):
        assert UNASKED[switch.name] == switch.asked
        assert not [question for question in QUESTIONS if question.switch == switch.name]
    else:
        assert question_of(switch.asked).switch == switch.name


def test_ids_are_unique_and_untested_points_have_a_reason() -> None:
    assert len({question.id for question in QUESTIONS}) == len(QUESTIONS)
    assert all(why.endswith(".") for why in UNASKED.values())


def test_all_questions_together_cost_under_a_dollar_and_take_about_an_hour() -> None:
    assert sum(question.cents for question in QUESTIONS) < 100
    assert sum(question.minutes for question in QUESTIONS) < 90
