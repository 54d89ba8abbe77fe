"""The carrier's names and requests: they belong to one job, fit Scheduler's limits, and are repeatable."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.guard import carrier
from cronstack.occurrence import Occurrence
from tests.cronstack.stage import NOON, WAY, by_operator, event_of, occurrence, scheduled_event

JOB = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
TEXT = st.text(max_size=80)


@given(JOB, TEXT, TEXT, st.integers(0, 10**6))
def test_every_name_is_valid_and_has_the_jobs_prefix(job: str, of: str, holder: str, hop: int) -> None:
    name = carrier.name(job, of, "plain", holder, hop)
    assert re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", name)
    assert name.startswith(carrier.prefix(job))
    token = carrier.create(WAY, name, "{}", NOON).parameters["ClientToken"]
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", token)


@given(JOB, JOB)
def test_the_prefix_of_a_job_is_not_the_prefix_of_another_jobs_names(job: str, other: str) -> None:
    if job != other:
        assert not carrier.name(other, "t-1", "plain", "h", 0).startswith(carrier.prefix(job))


def test_names_differ_by_occurrence_kind_holder_and_hop() -> None:
    plain = ("stats", "t-1", "plain", "h", 0)
    others = [("stats", "t-2", *plain[2:]), (*plain[:2], "operator", "h", 0), (*plain[:3], "i", 0), (*plain[:4], 1)]
    names = {carrier.name(*parts) for parts in [plain, plain, *others]}
    assert len(names) == 5


@pytest.mark.parametrize(
    ("of", "kind"),
    [
        (occurrence(), "plain"),
        (by_operator(kind="backfill"), "operator"),
        (by_operator(redrive=3), "redrive of 3"),
        (by_operator(), "operator"),
    ],
)
def test_the_kind_of_an_event(of: Occurrence, kind: str) -> None:
    assert carrier.kind_of(event_of(of)) == kind


@given(st.integers(0, 2**40), st.integers(1, 3600), st.none() | st.integers(0, 2**30))
def test_the_next_check_is_later_than_now_and_than_the_last_one(now: int, look: int, hop: int | None) -> None:
    number = carrier.next_check(hop, now, look)
    assert number * look * 1000 > now
    assert hop is None or number > hop
    assert number in ((hop or 0) + 1, now // (look * 1000) + 1)


def test_all_checks_in_one_minute_have_one_name() -> None:
    numbers = {
        carrier.next_check(hop, NOON + at, 60) for hop, at in [(None, 0), (None, 59_999), (NOON // 60_000, 30_000)]
    }
    assert numbers == {NOON // 60_000 + 1}


def test_a_request_is_rounded_up_to_the_second_and_has_the_event_with_its_hop() -> None:
    call = carrier.create(WAY, "n.x", carrier.event_text(scheduled_event(), 2), NOON + 1)
    asked = call.parameters
    assert asked["ScheduleExpression"] == "at(2026-01-01T12:00:01)"
    assert json.loads(asked["Target"]["Input"]) == scheduled_event() | {"carrier": 2}
    assert asked["ActionAfterCompletion"] == "DELETE"
    assert asked["Target"]["Arn"].endswith(":function:shop-stats")
    assert carrier.create(WAY, "n", "{}", NOON).parameters["ScheduleExpression"] == "at(2026-01-01T12:00:00)"
