"""Parsing of switches as users write them, and of invalid ones."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from cronstack.errors import DeclarationError
from cronstack_infra.switches.parsing import accepted, changed, harshest, of_mapping, read, shown
from cronstack_infra.switches.settings import Switches
from cronstack_infra.switches.table import SWITCHES


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("early=60", "early", 60.0),
        ("past-at=refused", "past_at", "refused"),
        ("past_at = refused", "past_at", "refused"),
        ("rate-starts-at-once=False", "rate_starts_at_once", False),
        ("retried-codes=A, B", "retried_codes", frozenset({"A", "B"})),
        ("retried-codes=", "retried_codes", frozenset()),
        ("retry-delays=1,2.5", "retry_delays", (1.0, 2.5)),
        ("concurrency=10", "concurrency", 10),
        ("concurrency=none", "concurrency", None),
        ("hanging=0.5", "hanging", 0.5),
    ],
)
def test_a_text_sets_one_switch(text: str, field: str, value: Any) -> None:
    assert read([text], seed=3) == Switches(seed=3, **{field: value})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("past-at", "has no value"),
        ("eary=1", "Did you mean early"),
        ("seed=1", "there is no switch"),
        ("early=61", "early=61: not a number from 0 to 60"),
        ("early=-1", "from 0 to 60"),
        ("early=nan", "from 0 to 60"),
        ("async-delay=inf", "not a number from 0"),
        ("hanging=1.1", "from 0 to 1"),
        ("past-at=refuse", "did you mean refused"),
        ("concurrency=0", "not a whole number from 1"),
        ("concurrency=1.5", "not a whole number from 1"),
        ("source-batches=none", "not a whole number from 1"),
        ("rate-starts-at-once=maybe", "neither true nor false"),
        ("retry-delays=1,x", "not a number"),
    ],
)
def test_the_error_for_a_wrong_switch_shows_valid_values(text: str, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        read([text])


def test_harshest_sets_all_and_later_switches_override() -> None:
    parsed = read(["harshest", "early=0"], seed=9)
    assert parsed == replace(harshest(Switches(seed=9)), early=0.0)
    assert all(getattr(parsed, switch.field) == switch.harshest for switch in SWITCHES if switch.name != "early")
    assert of_mapping("harshest", seed=9) == harshest(Switches(seed=9))
    assert of_mapping({"harshest": True, "early": 0}, seed=9) == parsed


def test_a_mapping_contains_python_values() -> None:
    given = {"past-at": "ignored", "early": 5, "concurrency": None, "retry_delays": (1, 2), "retried-codes": ["A"]}
    made = Switches(past_at="ignored", early=5.0, retry_delays=(1.0, 2.0), retried_codes=frozenset({"A"}))
    assert of_mapping(given) == made
    assert of_mapping(None) == Switches()
    assert of_mapping({"rate-starts-at-once": False}) == Switches(rate_starts_at_once=False)


@pytest.mark.parametrize("given", [["early=1"], 7, {"early": "x"}, {"early": True}, {"harshest": 1}, {"x": 1}])
def test_an_invalid_mapping_raises(given: Any) -> None:
    with pytest.raises(DeclarationError):
        of_mapping(given)


def test_changed_switches_can_be_parsed_again() -> None:
    assert changed(Switches()) == []
    switches = harshest(Switches())
    assert read(changed(switches)) == switches


def test_every_harshest_setting_is_accepted_and_shown() -> None:
    for switch in SWITCHES:
        expected = Switches(**{switch.field: switch.harshest})
        assert read([f"{switch.name}={shown(switch.harshest)}"]) == expected, switch.name
        assert accepted(switch.field)
    assert [switch.field for switch in SWITCHES] == [field.name for field in fields(Switches) if field.name != "seed"]
