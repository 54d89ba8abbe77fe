"""Plans of one key, as ``once`` writes them, and the sources of their events."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cronstack.defaults import DEFAULTS
from cronstack.event import parse_event, planned_event
from cronstack.ledger.partitions import plan_partition
from cronstack.occurrence import Occurrence
from cronstack.steps import Call, Failed
from tests.cronstack.stage import NOON, Stage, by_operator

KEY = "order-1"
DUE = NOON + 3_600_000
OTHER = DUE + 7_200_000
DAY = 86_400_000
BROKEN = Failed(json.dumps({"type": "ValueError", "message": "m", "trace": []}))


def planned(stage: Stage, *, revision: int = NOON, due: int = DUE, status: str = "planned", **other: Any) -> Occurrence:
    """Write a plan as ``once`` does. Return the occurrence of its event."""
    event = planned_event("stats", KEY, revision, due=due, input={})
    of = parse_event(json.loads(event), "stats")
    row = {
        "status": status,
        "revision": revision,
        "due": due,
        "payload": of.payload,
        "asked": "after 1 h",
        "moves": 0,
        "event": event,
        "listed": plan_partition("stats", KEY),
        "ttl": due // 1000 + DEFAULTS.open_retention,
        "v": 1,
    }
    stage.change(f"plan#{KEY}", **(row | other))
    stage.now = due
    return of


def own(of: Occurrence) -> Occurrence:
    """Return the occurrence as the plan's own schedule sends it."""
    return of


def carried(of: Occurrence, hop: int = 0) -> Occurrence:
    return of._replace(hop=hop)


def redriven(of: Occurrence, requested: int = NOON, attempt: int | None = None) -> Occurrence:
    return by_operator(of.due, requested=requested, key=of.key, revision=of.revision, redrive=attempt)


Bring = Callable[[Occurrence], Occurrence]


def states(stage: Stage, of: Occurrence) -> tuple[str | None, str | None]:
    """Return the status of the plan, and of the run."""
    return stage.plan(KEY).get("status"), stage.run(of).get("status")


def kill_after(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Carry out the request, and then kill the sandbox."""
    carry_out()
    raise KeyboardInterrupt


def deliver_until_killed(stage: Stage, of: Occurrence, **terms: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage.deliver(of, **terms)


def carry_out_only(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    return carry_out()
