"""Occurrences and events: which events are read, and which are refused, with which reason."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.errors import EventError
from cronstack.event import LARGEST, operator_event, parse_event, redrive_event, scheduled_input
from cronstack.occurrence import payload_hash, print_time, scheduled_id, split_generation, to_datetime, to_milliseconds
from tests.cronstack.stage import scheduled_event

FIVE = to_milliseconds(datetime(2013, 1, 1, 5, tzinfo=UTC))
ULID = "01KDWABCDEFGHJKMNPQRSTVWXY"


def event(**fields: Any) -> dict[str, Any]:
    return {"cronstack": 1, "job": "stats", "scheduled": "2013-01-01T05:00:00Z", "input": {}} | fields


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def test_the_function_reads_the_templates_event_after_scheduler_has_replaced_its_attributes() -> None:
    text = scheduled_input("stats", {"day": "<ä>"})
    assert json.loads(text) == {
        "cronstack": 1,
        "job": "stats",
        "scheduled": "<aws.scheduler.scheduled-time>",
        "schedule": "<aws.scheduler.schedule-arn>",
        "delivery": "<aws.scheduler.execution-id>",
        "input": {"day": "<ä>"},
    }
    for attribute, value in {
        "scheduled-time": "2013-01-01T05:00:00Z",
        "schedule-arn": "arn:aws:scheduler:r:a:schedule/g/s",
        "execution-id": "d32c5kddcf5bb8c3",
    }.items():
        text = text.replace(f"<aws.scheduler.{attribute}>", value)
    read = parse_event(json.loads(text), "stats")
    assert (read.id, read.due, read.input) == ("t-2013-01-01T05:00:00Z", FIVE, {"day": "<ä>"})
    assert (read.kind, read.by_operator, read.generation, read.redrive) == ("scheduled", False, 1, None)


@pytest.mark.parametrize(
    "written",
    ["2013-01-01T05:00:00Z", "2013-01-01T05:00:00.999Z", "2013-01-01T06:00:00+01:00", "2012-12-31T23:30:00-05:30"],
)
def test_one_instant_is_one_occurrence_however_it_is_written(written: str) -> None:
    assert parse_event(event(scheduled=written), "stats").id == "t-2013-01-01T05:00:00Z"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("text", "BadPayload"),
        (None, "BadPayload"),
        ([event()], "BadPayload"),
        ({"a": {1: 2}}, "BadPayload"),
        ({}, "UnknownVersion"),
        (event(cronstack=2), "UnknownVersion"),
        (event(cronstack=True), "UnknownVersion"),
        (event(cronstack="1"), "UnknownVersion"),
        ({"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler"}, "UnknownVersion"),
        (event(job="other"), "UnknownJob"),
        (event(job=None), "BadName"),
        (event(job="stats#x"), "BadName"),
        (event(job="stats\n"), "BadName"),
        (event(job="s" * 65), "BadName"),
        (event(job="ѕtats"), "BadName"),  # noqa: RUF001  (a Cyrillic s)
        (event(scheduled=None), "BadTime"),
        (event(scheduled=1357016400), "BadTime"),
        (event(scheduled="2013-01-01"), "BadTime"),
        (event(scheduled="2013-01-01T05:00:00"), "BadTime"),
        (event(scheduled="2013-02-30T05:00:00Z"), "BadTime"),
        (event(scheduled="2013-01-01T05:00:00Z\n"), "BadTime"),
        (event(scheduled="0001-01-01T00:00:00+14:00"), "BadTime"),
        (event(scheduled="٢٠١٣-01-01T05:00:00Z"), "BadTime"),
        (event(scheduled="<aws.scheduler.scheduled-time>"), "Unreplaced"),
        (event(input={"n": "<aws.scheduler.attempt-nummer>"}), "Unreplaced"),
        (event(input=[]), "BadPayload"),
        (event(input={"x": float("nan")}), "BadPayload"),
        (event(input={"x": float("inf")}), "BadPayload"),
        (event(input={"x": 10**5000}), "BadPayload"),
        (event(input={"x": nested(70)}), "BadPayload"),
        (event(input={"x": nested(100_000)}), "BadPayload"),
        (event(input={"x": "y" * LARGEST}), "TooLarge"),
        (event(kind="backfill"), "BadPayload"),
        (event(generation=2), "BadPayload"),
        (event(occurrence=f"m-{ULID}"), "BadPayload"),
        (event(redrive=3), "BadPayload"),
        (event(by="root", kind="trigger", requested="2013-01-01T05:00:00Z"), "BadPayload"),
        (event(by="operator", kind="delete", requested="2013-01-01T05:00:00Z"), "BadPayload"),
        (event(by="operator", kind="trigger"), "BadTime"),
        *(
            (event(by="operator", kind="redrive", requested="2013-01-01T05:00:00Z", **fields), "BadPayload")
            for fields in (
                {"generation": 1},
                {"generation": True},
                {"generation": "2"},
                {"redrive": -1},
                {"redrive": "3"},
                {"occurrence": "m-short"},
                {"occurrence": "t-2013-01-01T05:00:00Z"},
                {"occurrence": 7},
            )
        ),
        (event(by="operator", kind="backfill", requested="2013-01-01T05:00:00Z", occurrence=f"m-{ULID}"), "BadPayload"),
    ],
)
def test_an_invalid_event_is_refused_with_its_reason(wrong: object, reason: str) -> None:
    with pytest.raises(EventError) as refused:
        parse_event(wrong, "stats")
    assert refused.value.reason == reason
    assert str(refused.value).isprintable() or "\n  " in str(refused.value)


def test_an_event_chooses_no_policy() -> None:
    chosen = event(overlap="allow", table="other", retries=99, handler="os.system")
    assert parse_event(chosen, "stats") == parse_event(event(), "stats")


def test_operators_events_are_read() -> None:
    ask = {"due": FIVE, "requested": FIVE + 1000, "input": {"a": 1}}
    backfill = parse_event(operator_event("stats", "backfill", **ask), "stats")
    assert (backfill.id, backfill.kind, backfill.by_operator) == ("t-2013-01-01T05:00:00Z", "backfill", True)
    assert backfill.age_from == FIVE
    trigger = parse_event(operator_event("stats", "trigger", occurrence=f"m-{ULID}", **ask), "stats")
    assert trigger.id == f"m-{ULID}"
    again = parse_event(operator_event("stats", "backfill", generation=3, **ask), "stats")
    assert (again.id, again.age_from) == ("t-2013-01-01T05:00:00Z~3", FIVE + 1000)
    assert backfill.payload == again.payload == payload_hash({"a": 1})


@pytest.mark.parametrize(("name", "generation"), [(None, 1), (None, 4), (f"m-{ULID}", 1), (f"m-{ULID}", 2)])
def test_a_redrive_is_the_same_occurrence(name: str | None, generation: int) -> None:
    ask = {"due": FIVE, "requested": FIVE + 1000, "input": {"a": 1}, "occurrence": name, "generation": generation}
    first = parse_event(operator_event("stats", "trigger", **ask), "stats")
    again = parse_event(redrive_event(first, requested=FIVE + 9000, attempt=3), "stats")
    assert (again.id, again.due, again.payload, again.kind, again.redrive) == (
        first.id,
        first.due,
        first.payload,
        "redrive",
        3,
    )
    # A generation is as old as the first request for it, however often it is redriven.
    assert again.age_from == (FIVE if generation == 1 else FIVE + 1000)
    plain = parse_event(redrive_event(first, requested=FIVE + 9000, attempt=None), "stats")
    assert (plain.redrive, plain.by_operator) == (None, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


ODD = st.fixed_dictionaries(
    {name: st.just(value) | JSON for name, value in event().items()},
    optional=dict.fromkeys(("by", "kind", "generation", "redrive", "occurrence", "requested"), JSON),
)


@given(JSON | ODD)
def test_any_value_is_read_or_refused(value: Any) -> None:
    with contextlib.suppress(EventError):
        assert parse_event(value, "stats").id.startswith(("t-", "m-"))


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)), st.integers(1, 20))
def test_an_id_contains_its_time_and_its_generation(when: datetime, generation: int) -> None:
    due = to_milliseconds(when.replace(microsecond=0, tzinfo=UTC))
    name = scheduled_id(due, generation)
    base, number = split_generation(name)
    assert number == generation
    assert base == f"t-{print_time(due)}"
    assert to_milliseconds(datetime.fromisoformat(base[2:])) == due
    assert to_datetime(due) == when.replace(microsecond=0, tzinfo=UTC)


@given(st.dictionaries(st.text(), st.integers() | st.text()))
def test_the_hash_of_an_input_ignores_the_order_of_its_keys(input: dict[str, Any]) -> None:
    assert payload_hash(input) == payload_hash(dict(reversed(input.items())))


def test_an_accepted_event_fits_its_carrier() -> None:
    """Escaped, an "é" would take six bytes, and an accepted event would be too large for its carrier."""
    from cronstack.guard.carrier import event_text

    event = scheduled_event(input={"text": "é" * 90_000})
    parse_event(event, "stats")
    text = event_text(event, 3)
    assert len(text.encode()) < 205_000
    assert parse_event(json.loads(text), "stats").hop == 3


def test_the_largest_event_is_accepted_with_the_hop_of_its_carrier() -> None:
    event = scheduled_event(input={"text": ""})
    free = LARGEST - len(json.dumps(event).encode())
    event["input"] = {"text": "x" * free}
    parse_event(event, "stats")
    assert parse_event(event | {"carrier": 999}, "stats").hop == 999
    with pytest.raises(EventError, match="bytes"):
        parse_event(scheduled_event(input={"text": "x" * (free + 1)}), "stats")


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(EventError, match="cannot be written as JSON"):
        parse_event(scheduled_event(input={"text": "\ud800"}), "stats")
