"""The decision as a table: the items seen, and the decision."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.guard.decision import (
    Buffer,
    Claim,
    Claimant,
    Decision,
    Duplicate,
    GiveWay,
    Mine,
    Mismatch,
    Overtaken,
    Seen,
    Skip,
    SlotFull,
    TakeOver,
    Time,
    Unreported,
    Wait,
    decide,
    decide_without_lease,
)
from cronstack.ledger.rows import LeaseItem, RunItem

NOW, MARGIN = 100_000, 2_000
ME, OTHER = "01ME", "01OTHER"
LIVE, PAST = NOW + 30_000, NOW - MARGIN - 1
AT_THE_EDGE = NOW - MARGIN
SURE = Time(NOW, earliest=NOW)
UNSURE = Time(NOW, earliest=0)
"""No answer has shown the time."""


def claimant(**fields: Any) -> Claimant:
    return Claimant(
        **({"holder": ME, "occurrence": "mine", "payload": "p", "overlap": "skip", "margin": MARGIN} | fields)
    )


def lease(holder: str | None = OTHER, occurrence: str = "other", expires: int = LIVE) -> LeaseItem:
    return LeaseItem(holder=holder, occurrence=occurrence, expires=expires, fence=7)


def run(status: str, **fields: Any) -> RunItem:
    return RunItem(**({"status": status, "holder": OTHER, "attempt": 3, "payload": "p", "expires": LIVE} | fields))


FREE = LeaseItem(fence=7)
SLOT, MY_SLOT = lease()._replace(buffered="waiting"), lease()._replace(buffered="mine")
FREE_SLOT, PAST_SLOT = FREE._replace(buffered="waiting"), lease(expires=PAST)._replace(buffered="waiting")
DEAD, REPORTED = run("dead"), run("dead", reported=5)
MISSED = run("missed", attempt=0)
MISSED_KEY = MISSED._replace(revision=1, due=7)

TABLE: list[tuple[str, Seen, dict[str, Any], Decision]] = [
    ("nothing seen", Seen(), {}, Claim()),
    ("the own lease", Seen(lease(ME, "mine"), run("running", holder=ME)), {}, Mine()),
    ("the own lease, even if expired", Seen(lease(ME, "mine", PAST), run("running", holder=ME)), {}, Mine()),
    ("succeeded", Seen(FREE, run("succeeded")), {}, Duplicate("succeeded")),
    ("skipped, while another runs", Seen(lease(), run("skipped", payload="")), {}, Duplicate("skipped")),
    (
        "missed, reported, redriven death",
        Seen(FREE, MISSED._replace(reported=1)),
        {"redrive": 3},
        Duplicate("missed"),
    ),
    ("dead and reported", Seen(FREE, REPORTED), {}, Duplicate("dead")),
    ("dead and reported, expired lease of another", Seen(lease(expires=PAST), REPORTED), {}, Duplicate("dead")),
    ("dead, unreported", Seen(FREE, DEAD), {}, Unreported(DEAD)),
    ("dead, another death redriven", Seen(FREE, REPORTED), {"redrive": 2}, Duplicate("dead")),
    ("dead, unreported, another death redriven", Seen(FREE, DEAD), {"redrive": 4}, Unreported(DEAD)),
    ("dead, redriven", Seen(FREE, REPORTED), {"redrive": 3}, Claim()),
    ("dead, redriven, unreported", Seen(FREE, DEAD), {"redrive": 3}, Claim()),
    ("dead, redriven, another runs", Seen(lease(), REPORTED), {"redrive": 3}, Wait("held")),
    ("other input", Seen(FREE, run("retrying", payload="q")), {}, Mismatch()),
    ("other input, succeeded", Seen(FREE, run("succeeded", payload="q")), {}, Mismatch()),
    ("too many rounds", Seen(lease(expires=PAST), None), {"rounds_left": 0}, Wait("contention")),
    ("too many rounds, but finished", Seen(FREE, run("succeeded")), {"rounds_left": 0}, Duplicate("succeeded")),
    ("held and expired", Seen(lease(expires=PAST), None), {}, TakeOver()),
    ("held and expired, time unknown", Seen(lease(expires=PAST), None), {"time": UNSURE}, Skip(OTHER)),
    (
        "held by the own occurrence, expired, time unknown",
        Seen(lease(OTHER, "mine", PAST), None),
        {"time": UNSURE},
        Wait("running"),
    ),
    (
        "free, but running and expired, time unknown",
        Seen(FREE, run("running", expires=PAST)),
        {"time": UNSURE},
        Wait("running"),
    ),
    ("missed, redriven", Seen(FREE, MISSED), {"redrive": 0}, Claim()),
    ("missed, redriven, another waits", Seen(FREE_SLOT, MISSED), {"redrive": 0}, GiveWay("waiting")),
    ("missed, unreported", Seen(FREE, MISSED), {}, Unreported(MISSED)),
    ("missed and reported", Seen(FREE, MISSED._replace(reported=1)), {}, Duplicate("missed")),
    ("expired within the margin", Seen(lease(expires=AT_THE_EDGE), None), {}, Skip(OTHER)),
    (
        "own occurrence, expired",
        Seen(lease(OTHER, "mine", PAST), run("running", expires=PAST)),
        {},
        TakeOver(),
    ),
    ("expired, the run has another holder", Seen(lease(expires=PAST), run("running", holder="X")), {}, Wait("running")),
    (
        "both expired, other holders",
        Seen(lease(expires=PAST), run("running", holder="X", expires=PAST)),
        {},
        TakeOver(),
    ),
    ("the own occurrence runs", Seen(lease(OTHER, "mine"), run("running")), {}, Wait("running")),
    ("the own occurrence runs, run unseen", Seen(lease(OTHER, "mine"), None), {}, Wait("running")),
    ("another runs, own waits for its retry", Seen(lease(), run("retrying")), {}, Wait("held")),
    ("another runs, own crashed", Seen(lease(), run("crashed")), {}, Wait("held")),
    ("another runs, own is buffered", Seen(lease(), run("buffered")), {}, Wait("held")),
    ("another runs, own is new", Seen(lease(), None), {}, Skip(OTHER)),
    ("another runs, buffer_one", Seen(lease(), None), {"overlap": "buffer_one"}, Buffer(OTHER)),
    ("another runs, slot full", Seen(SLOT, None), {"overlap": "buffer_one"}, SlotFull(OTHER, "waiting")),
    ("another runs, slot names own", Seen(MY_SLOT, None), {"overlap": "buffer_one"}, Buffer(OTHER)),
    ("free, another waits", Seen(FREE_SLOT, None), {"overlap": "buffer_one"}, GiveWay("waiting")),
    ("free, another waits, but skip", Seen(FREE_SLOT, None), {}, GiveWay("waiting")),
    ("free, another waits, own has started", Seen(FREE_SLOT, run("retrying")), {}, Claim()),
    ("free, another waits, own is redriven", Seen(FREE_SLOT, REPORTED), {"redrive": 3}, Claim()),
    ("free, own waits", Seen(FREE._replace(buffered="mine"), run("buffered")), {}, Claim()),
    ("free, the slot names own", Seen(FREE._replace(buffered="mine"), None), {}, Claim()),
    ("held and expired, another waits", Seen(PAST_SLOT, None), {"overlap": "buffer_one"}, GiveWay("waiting")),
    ("held and expired, another waits, own has started", Seen(PAST_SLOT, run("crashed")), {}, TakeOver()),
    ("held and expired, own waits", Seen(PAST_SLOT._replace(buffered="mine"), run("buffered")), {}, TakeOver()),
    ("another runs, slot full, but skip", Seen(SLOT, None), {}, Skip(OTHER)),
    ("free, buffered", Seen(FREE, run("buffered")), {}, Claim()),
    ("free, retrying", Seen(FREE, run("retrying")), {}, Claim()),
    ("free, retrying, in its pause", Seen(FREE, run("retrying", after=NOW + 1)), {}, Wait("backoff")),
    ("free, retrying, its pause is over", Seen(FREE, run("retrying", after=NOW)), {}, Claim()),
    (
        "expired, own in its pause",
        Seen(lease(expires=PAST), run("retrying", after=NOW + 1)),
        {},
        Wait("backoff"),
    ),
    ("free, crashed", Seen(FREE, run("crashed")), {}, Claim()),
    ("free, but running", Seen(FREE, run("running")), {}, Wait("running")),
    ("free, but running at the edge", Seen(FREE, run("running", expires=AT_THE_EDGE)), {}, Wait("running")),
    ("free, but running and expired", Seen(FREE, run("running", expires=PAST)), {}, Claim()),
]


@pytest.mark.parametrize(("seen", "given", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_with_a_lease(seen: Seen, given: dict[str, Any], expected: Decision) -> None:
    given = dict(given)
    rounds_left, time = given.pop("rounds_left", 1), given.pop("time", SURE)
    assert decide(claimant(**given), seen, time, rounds_left=rounds_left) == expected


ALONE: list[tuple[str, RunItem | None, dict[str, Any], Decision]] = [
    ("nothing seen", None, {}, Claim()),
    ("own run", run("running", holder=ME), {}, Mine()),
    ("it runs", run("running"), {}, Wait("running")),
    ("it expired at the edge", run("running", expires=AT_THE_EDGE), {}, Wait("running")),
    ("it expired", run("running", expires=PAST), {}, Claim()),
    ("it expired, time unknown", run("running", expires=PAST), {"time": UNSURE}, Wait("running")),
    ("missed, redriven", MISSED, {"redrive": 0}, Claim()),
    ("missed by an earlier plan", MISSED_KEY, {"revision": 2, "due": 9}, Claim()),
    ("missed by this plan", MISSED_KEY, {"revision": 1, "due": 7}, Unreported(MISSED_KEY)),
    ("missed by this plan, redriven", MISSED_KEY, {"revision": 1, "due": 7, "redrive": 0}, Claim()),
    ("missed by a later plan", MISSED_KEY, {"revision": 0, "due": 7}, Overtaken(MISSED_KEY)),
    (
        "missed by a plan of this revision and another time",
        MISSED_KEY,
        {"revision": 1, "due": 9},
        Overtaken(MISSED_KEY),
    ),
    ("retrying", run("retrying"), {}, Claim()),
    ("retrying, in its pause", run("retrying", after=NOW + 1), {}, Wait("backoff")),
    ("buffered once, now allowed", run("buffered"), {}, Claim()),
    ("crashed", run("crashed"), {}, Claim()),
    ("succeeded by the own attempt", run("succeeded", holder=ME), {}, Duplicate("succeeded")),
    ("dead and reported", REPORTED, {}, Duplicate("dead")),
    ("dead, unreported", DEAD, {}, Unreported(DEAD)),
    ("dead, redriven", REPORTED, {"redrive": 3}, Claim()),
    ("other input", run("retrying", payload="q"), {}, Mismatch()),
    ("too many rounds", run("retrying"), {"rounds_left": 0}, Wait("contention")),
]


@pytest.mark.parametrize(("of", "given", "expected"), [row[1:] for row in ALONE], ids=[row[0] for row in ALONE])
def test_without_a_lease(of: RunItem | None, given: dict[str, Any], expected: Decision) -> None:
    given = dict(given)
    rounds_left, time = given.pop("rounds_left", 1), given.pop("time", SURE)
    assert decide_without_lease(claimant(overlap="allow", **given), of, time, rounds_left=rounds_left) == expected
