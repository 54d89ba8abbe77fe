"""The rule for inputs: accepted values, and messages with the value and the remedy for refused ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack.errors import EventError
from cronstack.event import operator_event, parse_event, planned_event, redrive_event, scheduled_input
from cronstack.occurrence import LONGEST_KEY
from cronstack.payload import MAX_INPUT_BYTES, MAX_INPUT_DEPTH, check_input


def nested(levels: int) -> dict[str, Any]:
    """An object with ``levels`` levels of objects."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


REFUSED: dict[str, tuple[object, str]] = {
    "no object": ([1], "the input is a list, not a JSON object"),
    "null": (None, "the input is null, not a JSON object"),
    "context attribute": ({"u": "<aws.scheduler.scheduled-time>"}, "which Scheduler would replace"),
    "context attribute as key": ({"<aws.scheduler.execution-id>": 1}, "which Scheduler would replace"),
    "unknown context attribute": ({"u": ["a<aws.scheduler.x"]}, "which Scheduler would replace"),
    "NaN": ({"x": float("nan")}, "cannot be written as JSON"),
    "infinity": ({"x": [float("inf")]}, "cannot be written as JSON"),
    "long number": ({"x": 10**5000}, "cannot be written as JSON"),
    "half a character": ({"x": "\ud800"}, "cannot be written as JSON"),
    "object of Python": ({"x": object()}, "cannot be written as JSON"),
    "tuple": ({"days": (1, 2)}, r"has the tuple \(1, 2\), which JSON would make a list"),
    "tuple of a long number": ({"x": (10**5000,)}, "has the tuple <tuple>, which JSON would make a list"),
    "number as key": ({"a": {1: 2}}, "has the key 1, which is an int; JSON has text as keys"),
    "too deep": (nested(MAX_INPUT_DEPTH + 1), "nested more than 62 levels deep"),
    "too large": ({"x": "y" * MAX_INPUT_BYTES}, "has 196617 bytes of JSON; the limit is 196608"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_input_that_no_event_can_contain_unchanged_is_refused(name: str) -> None:
    input, message = REFUSED[name]
    with pytest.raises(EventError, match=message) as refused:
        check_input(input)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "input",
    [{}, {"a": [1, 2.5, None, True, "é", {"b": []}]}, nested(MAX_INPUT_DEPTH), {"x": "é" * 98_000}, {"x": "<aws.s3>"}],
    ids=["empty", "all kinds", "deepest", "largest", "almost a context attribute"],
)
def test_an_accepted_input_arrives_unchanged_by_every_event(input: dict[str, Any]) -> None:
    assert check_input(input) == input
    key = "\n" * LONGEST_KEY  # JSON makes two characters of each
    by_schedule = json.loads(scheduled_input("s" * 64, input))
    by_schedule["scheduled"], by_schedule["schedule"] = "2026-01-01T12:00:00Z", "arn:aws:scheduler:" + "x" * 200
    by_schedule["delivery"] = "d" * 36
    by_code = json.loads(planned_event("s" * 64, key, 1 << 53, due=0, input=input))
    by_hand = operator_event("s" * 64, "trigger", due=0, requested=0, input=input, occurrence="m-" + "0" * 26)
    for event in (by_schedule, by_code, by_hand):
        occurrence = parse_event(event, "s" * 64)
        assert occurrence.input == input
        again = redrive_event(occurrence, requested=0, attempt=1_000_000)
        assert parse_event(again, "s" * 64).input == input
