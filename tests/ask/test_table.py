"""The questions and the switches name each other, and what it costs is within the promise."""

from __future__ import annotations

import pytest

from cronstack_infra.ask.table import QUESTIONS, UNASKED, question_of
from cronstack_infra.switches.table import SWITCHES, Switch


@pytest.mark.parametrize("switch", SWITCHES, ids=[one.name for one in SWITCHES])
def test_a_switch_names_its_question_or_why_there_is_none(switch: Switch) -> None:
    if switch.asked.endswith("."):
        assert UNASKED[switch.name] == switch.asked
        assert not [one for one in QUESTIONS if one.switch == switch.name]
    else:
        assert question_of(switch.asked).switch == switch.name


def test_ids_are_unique_and_what_is_not_asked_has_a_reason() -> None:
    assert len({one.id for one in QUESTIONS}) == len(QUESTIONS)
    assert all(why.endswith(".") for why in UNASKED.values())


def test_all_questions_together_cost_under_a_dollar_and_take_about_an_hour() -> None:
    assert sum(one.cents for one in QUESTIONS) < 100
    assert sum(one.minutes for one in QUESTIONS) < 90
