"""Each question finds the setting of a switch: the same code as for AWS, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronstack_infra.ask.run import Asked, ask
from cronstack_infra.ask.table import QUESTIONS, question_of
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.switches.parsing import read
from tests.ask.conftest import clients


def asked(virtual: VirtualCloud, id: str, *switches: str) -> Asked:
    """Ask one question of a cloud with these switches."""
    virtual.play(read(switches, seed=3))
    (one,) = ask(
        clients,
        [question_of(id)],
        run="test",
        now=lambda: virtual.now,
        sleep=lambda seconds: virtual.advance(timedelta(seconds=seconds)),
        progress=lambda line: None,
    )
    return one


def about(value: float, *, least: float = 0.0, most: float = 0.0) -> Callable[[str], bool]:
    return lambda text: value - least <= float(text) <= value + most


SETTINGS: list[tuple[str, str, Any]] = [
    ("past-at", "past-at=fires", "fires"),
    ("past-at", "past-at=refused", "refused"),
    ("past-at", "past-at=ignored", "ignored"),
    ("past-start", "past-start=refused", "refused"),
    ("past-start", "past-start=accepted", "accepted"),
    ("stale-schedules", "stale-schedules=0", "0"),
    ("stale-schedules", "stale-schedules=60", about(60, most=3)),
    ("group-deletion", "group-deletion=0", "0"),
    ("group-deletion", "group-deletion=300", about(300, most=5)),
    ("role-delay", "role-delay=0", "0"),
    ("role-delay", "role-delay=60", about(60, most=3)),
    ("spread", "spread=0", "0"),
    ("spread", "spread=59", about(59, least=20)),
    ("early", "early=0", "0"),
    ("early", "early=60", about(60, least=20)),
    ("scheduled-time", "scheduled-time=nominal", "nominal"),
    ("scheduled-time", "scheduled-time=actual", "actual"),
    ("rate-first-firing", "rate-starts-at-once=true", "true"),
    ("rate-first-firing", "rate-starts-at-once=false", "false"),
    ("rate-anchor", "rate-anchor=kept", "kept"),
    ("rate-anchor", "rate-anchor=update", "update"),
    ("same-at", "same-at-fires-again=false", "false"),
    ("same-at", "same-at-fires-again=true", "true"),
    ("retried-codes", "retried-codes=none", "none"),
    ("retried-codes", "retried-codes=AccessDeniedException,ResourceNotFoundException", None),
    ("retried-codes", "retried-codes=AccessDeniedException", "AccessDeniedException"),
    ("delivery-retries", "delivery-retry-base=2", about(2, least=2, most=10)),
    ("delivery-retries", "delivery-retry-base=60", about(60, least=35, most=30)),
    ("empty-polls", "empty-polls=0", "0"),
    ("empty-polls", "empty-polls=0.75", about(0.75, least=0.2, most=0.2)),
    ("retry-delays", "retry-delays=60,120", "60,120"),
    ("retry-delays", "retry-delays=300,600", "300,600"),
    ("throttle-base", "throttle-base=1", about(1, least=1, most=10)),
    ("throttle-base", "throttle-base=300", about(300, least=160, most=150)),
    ("clock-skew", "clock-skew=0", "0"),
    ("clock-skew", "clock-skew=420", about(420, least=200)),
]


@pytest.mark.parametrize(("id", "setting", "expected"), SETTINGS, ids=[setting for _, setting, _ in SETTINGS])
def test_a_question_finds_the_setting_of_its_switch(
    virtual: VirtualCloud, id: str, setting: str, expected: Any
) -> None:
    one = asked(virtual, id, setting)
    assert one.answer is not None, one.fault
    switch, _, value = one.answer.setting.partition("=")
    assert (id, switch) == (question_of(id).id, setting.partition("=")[0]), one.answer
    if callable(expected):
        assert expected(value), one.answer
    else:
        assert value == (setting.partition("=")[2] if expected is None else expected), one.answer


def test_each_question_about_a_switch_is_tested_with_two_settings_at_least() -> None:
    for question in QUESTIONS:
        if question.switch:
            assert sum(id == question.id for id, _, _ in SETTINGS) >= 2, question.id


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("past-year", "A cron() of a past year is accepted."),
        ("conflict", "A name that is in use:"),
        ("role-again", "fired"),
        ("letter-shape", "The body of a letter is"),
        ("date-header", "DynamoDB's responses have"),
        ("alias-config", "An alias of $LATEST has its own retries and destination: 1 run, one record."),
        ("timeout-kill", "A function with a timeout of 3 s was last seen"),
    ],
)
def test_other_questions_have_answers(virtual: VirtualCloud, id: str, text: str) -> None:
    one = asked(virtual, id)
    assert one.answer is not None, one.fault
    assert text in one.answer.text
    assert one.answer.setting == ""
