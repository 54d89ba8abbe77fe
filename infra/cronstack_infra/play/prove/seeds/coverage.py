"""The coverage that a proof must reach, and how often. A search has not judged what it seldom reaches."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cronstack.ledger.rows import FINAL, OUTCOMES, PLAN_STATUSES
from cronstack_infra.play.prove.log.plans import STARTED
from cronstack_infra.play.prove.models.mix import OTHER_FAULTS, REQUEST_FAULTS
from cronstack_infra.play.prove.models.switches import SWITCHES

RAN: Final = "share: ran"
WANTED: Final = "share: should have run"
JUDGED: Final = "share: seeds whose end was judged"
"""Seeds that reached their end, where everything must be final (I9). A seed with a violation does not."""
LEAST_SHARE: Final = 0.8
"""Smallest share of occurrences that must run. A proof in which most never run proves little."""
ENOUGH: Final = 100
"""Times that each item must be reached in ``SEEDS`` seeds."""
SEEDS: Final = 20_000

REACHABLE: Final[dict[str, tuple[str, ...]]] = {
    "decision": (
        *("Claim", "TakeOver", "Mine", "Skip", "Buffer", "SlotFull", "GiveWay", "Mismatch", "Unreported", "Overtaken"),
        "PassOver",
        *(f"Duplicate({status})" for status in FINAL),
        *(f"Wait({why})" for why in ("running", "held", "contention", "backoff", "paused")),
    ),
    "fault": (*REQUEST_FAULTS, *OTHER_FAULTS, "killed at the deadline", "paused"),
    "transition": (
        *(f"none to {status}" for status in ("running", "skipped", "missed", "buffered")),
        *(f"running to {status}" for status in ("succeeded", "retrying", "dead", "crashed", "running")),
        *(f"{status} to running" for status in ("retrying", "crashed", "buffered", "dead")),
        *("buffered to skipped", "buffered to missed", "dead to dead", "missed to running", "missed to missed"),
    ),
    "plan": (
        *("none to planned", "cancelled to planned", "missed to planned", "skipped to planned"),
        *(f"{STARTED} to missed", f"missed to {STARTED}"),
        *(f"planned to {status}" for status in PLAN_STATUSES if status != "missed"),
    ),
    "intruder": ("wrote a plan", "sent an event"),
    "end": (
        *(outcome for outcome in OUTCOMES if outcome != "crashed"),
        *("raises OutOfTime", "raises LeaseLost", "raises Unavailable", "Lambda's failure record"),
    ),
    "deferral": ("early", "outage", "running", "held", "contention", "backoff", "slot", "unreported", "paused"),
    "clock": (
        *(f"{way} by {much}" for way in ("ahead", "behind") for much in ("more", "minutes")),
        *("context by the wall clock", "monotonic stopped"),
    ),
    "switch": tuple(SWITCHES),
    "repaired": ("retrying",),
    "handler": ("effect committed", "checkpoint kept", "resumed", "lease renewed"),
    "carrier": ("made", "taken name"),
    "call": (
        *("planned", "unchanged", "moved", "cancelled", "too late", "unknown", "conflict", "swept"),
        *("killed", "unavailable"),
    ),
    "killed after": (
        *(f"{item} {step}" for item in ("schedule", "move") for step in range(3)),
        *("cancel 0", "cancel 1"),
    ),
}


def reached(counted: Counter[str], kind: str) -> dict[str, int]:
    """Return how often each item was reached, zeros included."""
    before = f"{kind}: "
    counts = {item.removeprefix(before): times for item, times in counted.items() if item.startswith(before)}
    return dict.fromkeys(REACHABLE[kind], 0) | counts


def share_that_ran(counted: Counter[str]) -> float:
    """Return the share of the occurrences that ran, of those that should have run (see ``Log.share``); 1 for none."""
    wanted = counted[WANTED]
    return counted[RAN] / wanted if wanted else 1.0


def seldom(counted: Counter[str], seeds: int) -> list[str]:
    """Return the items that so many seeds have reached too seldom."""
    enough = ENOUGH * seeds / SEEDS
    return [
        f"{kind}: {item}"
        for kind in REACHABLE
        for item, times in reached(counted, kind).items()
        if times < enough and item in REACHABLE[kind]
    ]
