"""Fifty SIGKILLs of handler processes at random moments, under load: each due firing ends in one success or one letter.

Some firings are doomed: each process that works on them is killed. The other victims are drawn among all handler
processes. The handler writes its starts and ends to a file outside the cloud. Afterwards, each firing has:

    ledger       letters   file, per attempt
    succeeded    none      the attempt that succeeded: start and end; none after it; before it: nothing (killed before
                           the handler), a start (killed in it), start and end (killed before its outcome was written)
    dead         one       the same, without an attempt that succeeded

After enough kills outside an attempt, Lambda's own tries run out before the guard's do. Then Lambda writes at most one
letter for each event that it gives up (the schedule's, and that of each carrier). The run may then be still running,
or dead (killed before its letter was sent), or succeeded (killed after its outcome was written, or its carrier
created, and before the response: a redrive returns "duplicate"). A killed run continues when its lease is over: a
carrier brings it.

Most firings are of one job that allows overlaps; four are of jobs that do not. At the end the next occurrence of each
of these jobs fires, at the earliest time at which a remaining lease may be taken over, and runs.
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
"""Minimum number of kills during an invocation. On a slow machine, more kills hit a process that is starting."""
FIRINGS = 30
MORE = 3
"""Firings that are added when no invocation is running: all have ended, or wait for a lease's end."""
DOOMED = 5
GUARDED = {0: "guarded_0", 10: "guarded_1", 11: "guarded_2", 12: "guarded_3"}
"""Firings of the jobs that have a lease, by number. The first is doomed."""
JOBS = ("mortal", *GUARDED.values())
ATTEMPTS = 2
TIMEOUT = 9
"""Seconds. With much less, a busy machine's requests time out, and their events are deferred by minutes."""
FINAL = ("succeeded", "duplicate", "dead")
"""Statuses that the guard returns when a firing has ended."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with quick_cloud(retry_delays=(0.5, 0.5)) as running:
        yield running


class Load:
    """Schedules, each due once, all at the same time."""

    def __init__(self, stack: QuickStack, effects: Path, chance: Random) -> None:
        self._stack, self._effects, self._chance = stack, effects, chance
        self._now = this_second()
        self._functions = {"mortal": stack.function("mortal", Timeout=TIMEOUT)}
        self._functions |= {job: stack.function(job, "guarded", Timeout=TIMEOUT) for job in GUARDED.values()}
        self.due: list[str] = []
        """The occurrences. No two jobs share one."""
        self.fire(FIRINGS)

    def fire(self, count: int) -> None:
        for number in range(len(self.due), len(self.due) + count):
            job, moment = GUARDED.get(number, "mortal"), self._now - timedelta(seconds=number)
            self.due.append(f"t-{moment:%Y-%m-%dT%H:%M:%SZ}")
            # doomed: it never ends normally, even if the kill comes late, because its timeout comes first
            seconds = 3.0 * TIMEOUT if number < DOOMED else round(self._chance.uniform(0.6, 1.2), 3)
            input = {"effects": str(self._effects), "seconds": seconds}
            target = {"Arn": self._functions[job], "RoleArn": self._stack.cloud.scheduler_role}
            self._stack.cloud.client("scheduler").create_schedule(
                Name=f"{job}.{number}",
                ScheduleExpression=f"at({moment:%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=target | {"Input": scheduled_input(job, input)},
            )


class Killer:
    """Kills each handler process of a doomed occurrence, and sometimes a random other one."""

    def __init__(self, cloud: Cloud, doomed: set[str], effects: Path, chance: Random) -> None:
        self._cloud, self._doomed, self._effects, self._chance = cloud, doomed, effects, chance
        self._marked: dict[int, float] = {}
        self._seen: set[tuple[str, int]] = set()
        self._next = time.monotonic()
        self.kills = 0

    def work(self) -> bool:
        """Do one round. Return whether it looked for a victim while no invocation was running."""
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
        return self.kills >= KILLS and len(killed(self._cloud)) >= CUT

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills += 1

    def _handlers(self) -> list[int]:
        all_processes = processes()
        wardens = {pid for pid, parent in all_processes if parent == self._cloud.pid}
        return sorted(pid for pid, parent in all_processes if parent in wardens and pid not in self._marked)


def killed(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the invocations that ended by a kill."""
    return [event for event in cloud.events("finished", outcome="error") if "signal: killed" in event["error"]]


class Ends:
    """The firings that have ended: by the guard's result, or by a letter of Lambda."""

    def __init__(self, stack: QuickStack) -> None:
        self._stack = stack
        self.letters: Counter[str] = Counter()
        self.of_lambda: Counter[tuple[str, int | None]] = Counter()
        """Letters by the event that Lambda gave up: the schedule's, or that of a carrier."""
        self.of_the_guard: dict[str, set[str]] = {}
        """Ids of the guard's letters by occurrence. After a kill, a letter may be sent again, with the same id."""

    def count(self) -> int:
        finished = self._stack.cloud.events("finished", outcome="ok")
        answers = [json.loads(event["result"]) for event in finished]
        if len(self._stack.cloud.events("dead_letter")) > self.letters.total():
            self.read()
        return len({answer["occurrence"] for answer in answers if answer.get("cronstack") in FINAL} | set(self.letters))

    def read(self) -> None:
        """Receive the letters."""
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
    carried = [firing for firing in cloud.events("fired") if "/carrier." in firing["schedule"]]
    print(
        f"seed {SEED}: {killer.kills} kills, {len(killed(cloud))} of them in an invocation; {len(due)} firings:"
        f" {len(succeeded)} succeeded, {len(dead)} are dead, {len(letters)} have a letter,"
        f" {len(cloud.events('dead_letter'))} of them Lambda's; {len(carried)} carriers"
    )
    assert killer.kills >= KILLS
    assert len(killed(cloud)) >= CUT
    assert set(letters) | succeeded == set(due)
    assert set(ends.of_lambda.values()) <= {1}
    assert all(len(ids) == 1 for ids in ends.of_the_guard.values())
    assert dead <= set(letters)
    assert set(due[:DOOMED]) & succeeded == set()
    assert len(set(letters) - dead) <= len(cloud.events("dead_letter")) <= letters.total()
    assert not cloud.events("dropped")
    assert stack.undelivered() == []
    check_file_and_ledger(due, runs, succeeded, lines)
    taken_over = run_next_occurrences(stack, effects)
    print(f"the next occurrences ran; {taken_over} of {len(GUARDED)} took over a remaining lease")


def run_next_occurrences(stack: QuickStack, effects: Path) -> int:
    """Run the next occurrence of each job with a lease. Return the number of leases that were left.

    A carrier may bring a killed run at the same time, and take the lease first. Then the job's next occurrence is
    skipped, and the one after it is tried.
    """
    left = len(remaining_leases(stack))
    missing = set(GUARDED.values())
    for _ in range(4):
        ends = max((int(lease["expires"]["N"]) / 1000 for lease in remaining_leases(stack)), default=0)
        time.sleep(max(1.0, ends + DEFAULTS.skew_margin + 0.1 - time.time()))  # 1: the next occurrence has a new name
        occurrences = {job: stack.invoke(job, this_second(), effects=str(effects), seconds=0) for job in missing}
        stack.await_true(
            "the next occurrences have ended",
            lambda occurrences=occurrences: all(  # type: ignore[misc]
                name in (runs := stack.runs(job)) and runs[name].status in ("skipped", "succeeded")
                for job, name in occurrences.items()
            ),
        )
        missing -= {job for job, name in occurrences.items() if stack.runs(job)[name].status == "succeeded"}
        if not missing:
            break
    assert not missing, "the next occurrences were skipped four times"
    stack.await_true("no lease is left", lambda: not remaining_leases(stack))
    return left


def remaining_leases(stack: QuickStack) -> list[dict[str, Any]]:
    return [lease for job in GUARDED.values() if "holder" in (lease := stack.lease(job))]


def check_file_and_ledger(
    due: list[str], runs: dict[str, Any], succeeded: set[str], lines: list[dict[str, Any]]
) -> None:
    """Check that the file and the ledger agree, by the table above."""
    assert {line["occurrence"] for line in lines} <= set(due)
    for occurrence in due:
        own_lines = [line for line in lines if line["occurrence"] == occurrence]
        written = [(line["attempt"], line["what"]) for line in own_lines]
        assert written == sorted(set(written), key=lambda line: (line[0], line[1] == "end")), occurrence
        assert all((attempt, "start") in written for attempt, _ in written), occurrence
        last = runs[occurrence].attempt if occurrence in runs else 0
        assert last <= ATTEMPTS + 1, "one more than the limit is a claim that only writes the status dead"
        assert all(attempt <= min(last, ATTEMPTS) for attempt, _ in written), occurrence
        if occurrence in succeeded:
            assert written[-2:] == [(last, "start"), (last, "end")], occurrence
