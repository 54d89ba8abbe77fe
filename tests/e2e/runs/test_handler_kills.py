"""Fifty SIGKILLs of handler processes at random moments, under load: each due firing ends in one success or one letter.

Some firings are doomed: whatever process works on them is killed. The other victims are drawn among all handler
processes. The handler writes its starts and ends into a file outside the cloud. Afterwards, of each firing:

    ledger       letters   file, per attempt
    succeeded    none      the attempt that succeeded: start and end; none after it; before it: nothing (killed before
                           the handler), a start (killed in it), start and end (killed before its outcome was written)
    dead         one       likewise, without an attempt that succeeded

Killed often enough outside an attempt, Lambda's own tries run out before the guard's do. Then it writes a letter, at
most one for each event that it gives up (the schedule's, and that of each carrier), beside a run that is still running,
or dead (killed before its letter was sent), or that has succeeded (killed after its outcome was written, or its carrier
made, and before it answered: whoever redrives it is told "duplicate"). What is killed is worked again when its lease is
over, brought by a carrier.

Most firings are of one job that allows overlaps; four are of jobs that never run over themselves. Of these the next
occurrence is fired in the end, at the earliest moment at which a lease that is left may be taken over, and goes on.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cronstack.defaults import DEFAULTS
from cronstack.event import scheduled_input
from cronstack_infra.local.executor.warden import processes
from tests.e2e.quick_stack import QuickStack, deployed_code, lines_of, this_second
from tests.local.quick_cloud import Cloud, quick_cloud

SEED = 20261123
KILLS = 50
CUT = KILLS // 2
"""Of them, at least, in an invocation. The slower the machine, the more meet a process that is only starting."""
FIRINGS = 30
MORE = 3
"""Firings that are added when the killer finds nobody at work: all have ended, or wait for a lease's end."""
DOOMED = 5
GUARDED = {0: "guarded_0", 10: "guarded_1", 11: "guarded_2", 12: "guarded_3"}
"""Firings by number, the first one doomed, of the jobs that have a lease."""
JOBS = ("mortal", *GUARDED.values())
ATTEMPTS = 2
TIMEOUT = 9
"""Seconds. With much less, a request of a busy machine counts as lost, and then its event is put off by minutes."""
FINAL = ("succeeded", "duplicate", "dead")
"""What the guard answers when a firing has ended."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with quick_cloud(retry_delays=(0.5, 0.5)) as found:
        yield found


class Load:
    """Schedules, each due once, all at once."""

    def __init__(self, stack: QuickStack, effects: Path, chance: Random) -> None:
        self._stack, self._effects, self._chance = stack, effects, chance
        self._now = this_second()
        self._functions = {"mortal": stack.function("mortal", Timeout=TIMEOUT)}
        self._functions |= {job: stack.function(job, "guarded", Timeout=TIMEOUT) for job in GUARDED.values()}
        self.due: list[str] = []
        """The occurrences, of which no two jobs have the same."""
        self.fire(FIRINGS)

    def fire(self, count: int) -> None:
        for number in range(len(self.due), len(self.due) + count):
            job, moment = GUARDED.get(number, "mortal"), self._now - timedelta(seconds=number)
            self.due.append(f"t-{moment:%Y-%m-%dT%H:%M:%SZ}")
            # doomed: it never ends by itself, however late the kill is, for its timeout comes first
            seconds = 3.0 * TIMEOUT if number < DOOMED else round(self._chance.uniform(0.6, 1.2), 3)
            given = {"effects": str(self._effects), "seconds": seconds}
            target = {"Arn": self._functions[job], "RoleArn": self._stack.cloud.scheduler_role}
            self._stack.cloud.client("scheduler").create_schedule(
                Name=f"{job}.{number}",
                ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=target | {"Input": scheduled_input(job, given)},
            )


class Killer:
    """Kills handler processes: of doomed occurrences each, else one by chance now and then."""

    def __init__(self, cloud: Cloud, doomed: set[str], effects: Path, chance: Random) -> None:
        self._cloud, self._doomed, self._effects, self._chance = cloud, doomed, effects, chance
        self._marked: dict[int, float] = {}
        self._seen: set[tuple[str, int]] = set()
        self._next = time.monotonic()
        self.kills = 0

    def work(self) -> bool:
        """Called again and again; whether it has looked for a victim where nobody is at work."""
        now = time.monotonic()
        for line in lines_of(self._effects):
            work = (line["occurrence"], line["attempt"])
            if line["occurrence"] in self._doomed and line["what"] == "start" and work not in self._seen:
                self._seen.add(work)
                self._marked[line["pid"]] = now + self._chance.uniform(0, 0.6)
        for pid in [pid for pid, when in self._marked.items() if when <= now]:
            del self._marked[pid]
            self._kill(pid)
        if now < self._next or self.done():
            return False
        if victims := self._handlers():
            self._kill(self._chance.choice(victims))
        under_way = len(self._cloud.events("started")) > len(self._cloud.events("finished"))
        self._next = now + self._chance.uniform(0.05, 0.25 if under_way else 1.5)
        return not under_way

    def done(self) -> bool:
        return self.kills >= KILLS and len(cut(self._cloud)) >= CUT

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills += 1

    def _handlers(self) -> list[int]:
        everyone = processes()
        wardens = {pid for pid, parent in everyone if parent == self._cloud.pid}
        return sorted(pid for pid, parent in everyone if parent in wardens and pid not in self._marked)


def cut(cloud: Cloud) -> list[dict[str, Any]]:
    """The invocations that ended by a kill."""
    return [one for one in cloud.events("finished", outcome="error") if "signal: killed" in one["error"]]


class Ends:
    """The firings that have had a last word: the guard's answer, or a letter of Lambda's own."""

    def __init__(self, stack: QuickStack) -> None:
        self._stack = stack
        self.letters: Counter[str] = Counter()
        self.of_lambda: Counter[tuple[str, int | None]] = Counter()
        """By the event that was given up: the schedule's, or that of a carrier."""
        self.of_the_guard: dict[str, set[str]] = {}
        """The ids of its letters, which tell copies apart: killed before a letter was noted, it is sent again."""

    def count(self) -> int:
        told = self._stack.cloud.events("finished", outcome="ok")
        answers = [json.loads(one["result"]) for one in told]
        if len(self._stack.cloud.events("dead_letter")) > self.letters.total():
            self.read()
        return len({one["occurrence"] for one in answers if one.get("cronstack") in FINAL} | set(self.letters))

    def read(self) -> None:
        """Take the letters that have come."""
        for letter in self._stack.letters():
            event = letter["requestPayload"]
            occurrence = f"t-{event['scheduled']}"
            self.letters[occurrence] += 1
            if "cronstack" in letter:
                self.of_the_guard.setdefault(occurrence, set()).add(letter["cronstack"]["id"])
            else:
                self.of_lambda[occurrence, event.get("carrier")] += 1


def test_fifty_kills(cloud: Cloud, tmp_path: Path) -> None:
    chance = Random(SEED)
    effects = tmp_path / "effects.jsonl"
    effects.touch()
    stack = QuickStack(cloud, "kills", deployed_code("kills", tmp_path))
    load = Load(stack, effects, chance)
    killer = Killer(cloud, set(load.due[:DOOMED]), effects, chance)
    deadline = time.monotonic() + 120
    ends = Ends(stack)
    while (ended := ends.count()) < len(load.due) or not killer.done():
        assert time.monotonic() < deadline, f"{ended} of {len(load.due)} firings ended; {killer.kills} kills"
        if killer.work():
            load.fire(MORE)
        time.sleep(0.02)
    ends.read()

    due, lines, letters = load.due, lines_of(effects), ends.letters
    runs = {name: run for job in JOBS for name, run in stack.runs(job).items()}
    succeeded = {name for name, run in runs.items() if run.status == "succeeded"}
    dead = {name for name, run in runs.items() if run.status == "dead"}
    carried = [one for one in cloud.events("fired") if "/carrier." in one["schedule"]]
    print(
        f"seed {SEED}: {killer.kills} kills, {len(cut(cloud))} of them in an invocation; {len(due)} firings:"
        f" {len(succeeded)} succeeded, {len(dead)} are dead, {len(letters)} have a letter,"
        f" {len(cloud.events('dead_letter'))} of them Lambda's; {len(carried)} carriers"
    )
    assert killer.kills >= KILLS
    assert len(cut(cloud)) >= CUT
    assert set(letters) | succeeded == set(due)
    assert set(ends.of_lambda.values()) <= {1}
    assert all(len(ids) == 1 for ids in ends.of_the_guard.values())
    assert dead <= set(letters)
    assert set(due[:DOOMED]) & succeeded == set()
    assert len(set(letters) - dead) <= len(cloud.events("dead_letter")) <= letters.total()
    assert not cloud.events("dropped")
    assert stack.undelivered() == []
    agree(due, runs, succeeded, lines)
    print(f"the next occurrences went on; {next_ones(stack, effects)} of {len(GUARDED)} over a lease that was left")


def next_ones(stack: QuickStack, effects: Path) -> int:
    """Fire the next occurrence of each job with a lease: it succeeds. How many leases there were to be taken over."""
    left = [lease for job in GUARDED.values() if "holder" in (lease := stack.lease(job))]
    ends = max((int(lease["expires"]["N"]) / 1000 for lease in left), default=0)
    time.sleep(max(0.0, ends + DEFAULTS.skew_margin + 0.1 - time.time()))
    asked = {job: stack.invoke(job, this_second(), effects=str(effects), seconds=0) for job in GUARDED.values()}
    told = ("skipped", "succeeded")
    stack.await_true(
        "the next ones have ended",
        lambda: all(name in (runs := stack.runs(job)) and runs[name].status in told for job, name in asked.items()),
    )
    assert {stack.runs(job)[name].status for job, name in asked.items()} == {"succeeded"}
    assert not any("holder" in stack.lease(job) for job in GUARDED.values())
    return len(left)


def agree(due: list[str], runs: dict[str, Any], succeeded: set[str], lines: list[dict[str, Any]]) -> None:
    """The file and the ledger tell the same, by the table above."""
    assert {line["occurrence"] for line in lines} <= set(due)
    for occurrence in due:
        mine = [line for line in lines if line["occurrence"] == occurrence]
        told = [(line["attempt"], line["what"]) for line in mine]
        assert told == sorted(set(told), key=lambda one: (one[0], one[1] == "end")), occurrence
        assert all((attempt, "start") in told for attempt, _ in told), occurrence
        last = runs[occurrence].attempt if occurrence in runs else 0
        assert last <= ATTEMPTS + 1, "one more than there may be is a claim that only writes the death down"
        assert all(attempt <= min(last, ATTEMPTS) for attempt, _ in told), occurrence
        if occurrence in succeeded:
            assert told[-2:] == [(last, "start"), (last, "end")], occurrence
