"""A job with a timeout of 15 minutes is killed in its handler. Other deliveries cannot distinguish it from a running
job, so they are deferred and spend no attempt. When the lease is over, it runs again, once, as attempt 2.

A setting of the local cloud reduces the 15 minutes to four seconds, so the lease ends after nine.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cronstack.defaults import DEFAULTS
from cronstack.timing.aws_clock import MAX_DATE_LAG
from tests.e2e.quick_stack import QuickStack, deployed_code, lines_of, this_second
from tests.local.quick_cloud import quick_cloud

TIMEOUT = 4
LEASE = TIMEOUT + DEFAULTS.grace
DUPLICATES = 5


class Seen(NamedTuple):
    stack: QuickStack
    alone: str
    """The killed occurrence that is delivered repeatedly."""
    followed: str
    """The killed occurrence whose next occurrence comes after the lease."""
    following: str
    expires: dict[str, float]
    """End of the killed occurrence's lease by job, in seconds since 1970."""
    lines: list[dict[str, Any]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("long")
    effects = folder / "effects.jsonl"
    with quick_cloud(retry_delays=(0.5, 0.5), CRONSTACK_LOCAL_TIMEOUT=str(TIMEOUT)) as cloud:
        stack = QuickStack(cloud, "kills", deployed_code("kills", folder))
        due = this_second()
        input = {"effects": str(effects), "seconds": 2.5}
        for job in ("alone", "followed"):
            stack.function(job, "long", Timeout=900)
            stack.invoke(job, due, **input)
        expires = kill_both(stack, effects)
        quick = input | {"seconds": 0}
        for _ in range(DUPLICATES):
            alone = stack.invoke("alone", due, **input)
        # A takeover needs a lease that has certainly ended, by the Date header of a response.
        time.sleep(max(0, expires["followed"] + DEFAULTS.skew_margin + MAX_DATE_LAG / 1000 + 0.1 - time.time()))
        following = stack.invoke("followed", due + timedelta(seconds=1), **quick)
        followed = f"t-{due:%Y-%m-%dT%H:%M:%SZ}"
        all_three = {("alone", alone), ("followed", followed), ("followed", following)}
        stack.await_true("all have succeeded", lambda: succeeded(stack) == all_three, 90)
        yield Seen(stack, alone, followed, following, expires, lines_of(effects))


def kill_both(stack: QuickStack, effects: Path) -> dict[str, float]:
    """Kill each handler after its start. Return the end of its lease by job."""
    stack.await_true("both have started", lambda: len(lines_of(effects)) == 2)
    for line in lines_of(effects):
        os.kill(line["pid"], signal.SIGKILL)
    leases = {job: stack.lease(job) for job in ("alone", "followed")}
    return {job: int(lease["expires"]["N"]) / 1000 for job, lease in leases.items()}


def succeeded(stack: QuickStack) -> set[tuple[str, str]]:
    """Return (job, occurrence) of the succeeded runs. Both jobs have the same occurrence."""
    runs = [(job, run) for job in ("alone", "followed") for run in stack.runs(job).values()]
    return {(job, run.occurrence) for job, run in runs if run.status == "succeeded"}


def written(seen: Seen, job: str, occurrence: str) -> list[tuple[int, str]]:
    """Return (attempt, start or end) of each line that the handlers of an occurrence wrote."""
    own_lines = [line for line in seen.lines if (line["job"], line["occurrence"]) == (job, occurrence)]
    return [(line["attempt"], line["what"]) for line in own_lines]


def start_of(seen: Seen, job: str, occurrence: str, attempt: int) -> float:
    return next(
        float(line["at"])
        for line in seen.lines
        if (line["job"], line["occurrence"], line["attempt"], line["what"]) == (job, occurrence, attempt, "start")
    )


def test_it_runs_again_once_as_attempt_2(seen: Seen) -> None:
    for job, occurrence in (("alone", seen.alone), ("followed", seen.followed)):
        assert written(seen, job, occurrence) == [(1, "start"), (2, "start"), (2, "end")]
        run = seen.stack.runs(job)[occurrence]
        assert (run.status, run.attempt) == ("succeeded", 2)


def test_not_before_its_lease_is_over_and_not_long_after(seen: Seen) -> None:
    first, second = (start_of(seen, "alone", seen.alone, attempt) for attempt in (1, 2))
    assert 0 < seen.expires["alone"] - first <= LEASE, "four seconds instead of 15 minutes"
    late = second - seen.expires["alone"]
    print(f"attempt 2 began {late:.1f} s after the lease of attempt 1 had ended")
    assert DEFAULTS.skew_margin < late < 30


def test_deliveries_during_the_lease_are_deferred_and_spend_no_attempt(seen: Seen) -> None:
    results = [event["result"] for event in seen.stack.cloud.events("finished", function="kills-alone", outcome="ok")]
    deferred = [result for result in results if '"deferred"' in result]
    assert len(deferred) >= DUPLICATES + 1, "Lambda's retry, and each duplicate"
    killed = seen.stack.cloud.events("finished", function="kills-alone", outcome="error")
    assert len(killed) == 1
    assert seen.stack.letters() == seen.stack.undelivered() == []


def test_all_deferred_deliveries_create_one_carrier(seen: Seen) -> None:
    fired = [firing for firing in seen.stack.cloud.events("fired") if "carrier.alone." in firing["schedule"]]
    assert len(fired) == 1


def test_the_next_occurrence_runs_when_the_lease_is_over(seen: Seen) -> None:
    """Rule: its first delivery takes the lease over. With a stuck lease it would be skipped."""
    assert written(seen, "followed", seen.following) == [(1, "start"), (1, "end")]
    assert start_of(seen, "followed", seen.following, 1) > seen.expires["followed"] + DEFAULTS.skew_margin
    run = seen.stack.runs("followed")[seen.following]
    assert (run.status, run.attempt) == ("succeeded", 1)


def test_no_lease_is_left(seen: Seen) -> None:
    for job in ("alone", "followed"):
        assert "holder" not in seen.stack.lease(job)
