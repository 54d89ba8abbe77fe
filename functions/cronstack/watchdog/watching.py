"""One pass of the watchdog: read, judge, notify, store the snapshot. Nothing stays in memory after it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

from cronstack.deployed.job_metadata import JobMetadata, jobs_of_template
from cronstack.event import operator_event
from cronstack.ledger.watch_rows import IncidentItem, SnapshotItem, write_snapshot
from cronstack.watchdog import snapshot
from cronstack.watchdog.checks import arrivals, schedules, services
from cronstack.watchdog.expecting import Active, is_valid, kept, next_watches
from cronstack.watchdog.judging import TURN, Judged, Wanted, judge
from cronstack.watchdog.notifying import Notifier
from cronstack.watchdog.reading import Query, Reading, UnknownMetric
from cronstack.watchdog.scene import HOUR, AwsTime, Cause, Clients, Finding, PassReport, Scene
from cronstack.watchdog.snapshot import JobState, Missed, Seen, Snapshot, Watch

_OF_SCHEDULES: Final[tuple[Cause, ...]] = ("schedule-deleted", "schedule-edited")
_LAMBDA: Final = "AWS/Lambda"
Key = tuple[str, str]
"""Job and cause."""


def one_pass(
    clients: Clients, scene: Scene, *, now: int, ulid: Callable[[], str], aws_time: AwsTime | None = None
) -> PassReport:
    """Look at the stack once, notify what has changed, and store what was seen.

    now: epoch milliseconds. ulid: returns a new id for an incident. aws_time: returns AWS's time of an answer, to check
    the own clock; None: the clock is not checked.

    Raise the first failure of SNS or Lambda after everything else was done. Other faults of AWS end the pass at once,
    and the next one begins from the same snapshot.
    """
    return _Pass(Reading(clients, scene, aws_time), scene, now, ulid).run()


class _Stack(NamedTuple):
    """What the stack declares, and what Scheduler has."""

    jobs: Mapping[str, JobMetadata]
    declared: Mapping[str, schedules.Declared]
    states: tuple[schedules.State, ...]
    seen: Mapping[str, Seen]
    in_progress: bool
    deployed: frozenset[str]
    """Names of all jobs, also of those whose schedules this version cannot read."""


class _Findings:
    """The findings of a pass, one for each job and cause, and the causes that were looked for."""

    def __init__(self) -> None:
        self.found: dict[Key, Finding] = {}
        self.judged: set[Key] = set()

    def add(self, findings: Collection[Finding], judged: Collection[Key] = ()) -> None:
        for finding in findings:
            self.found.setdefault((finding.job, finding.cause), finding)
        self.judged |= {*judged, *self.found}


class _Pass:
    """One pass."""

    def __init__(self, reading: Reading, scene: Scene, now: int, ulid: Callable[[], str]) -> None:
        self._reading, self._scene, self._now, self._ulid = reading, scene, now, ulid
        self._found = _Findings()

    def run(self) -> PassReport:
        """Carry out the pass."""
        now, reading = self._now, self._reading
        row = reading.snapshot()
        before = snapshot.read_text(row.at, row.state)
        rows = {(incident.job, incident.cause): incident for incident in reading.incidents()}
        stack = self._stack(before)
        watches = self._watches(before, stack)
        suspects = self._schedules(before, stack)
        queues = self._queues(before)
        wanted = {
            name: Wanted.of(job, before.jobs.get(name, JobState()), [w for w in watches if w.job == name], now)
            for name, job in stack.jobs.items()
        }
        in_turn, turn = _in_turn(stack.jobs, before.turn)
        is_open = [key for key, incident in rows.items() if incident.status == "open"]
        judged = judge(reading, wanted, in_turn, stack.states, is_open, last=before.at, now=now)
        for name, of_job in judged.items():
            self._found.add(of_job.findings, [(name, cause) for cause in of_job.causes])
        metrics = self._metrics(before, stack.jobs)
        self._found.add(services.check_own_clock(now, reading.aws), [("", "clock")] if reading.aws else ())
        notifier = Notifier(
            reading, self._scene, {n: arrivals.zone_of(j) for n, j in stack.jobs.items()}, now, self._ulid
        )
        after = self._notify(notifier, rows, stack.deployed)
        started, fault = self._start(judged, after, stack)
        states = {name: _started(of_job.state, started.get(name, ()), now) for name, of_job in judged.items()}
        checked = {name: state.checked for name, state in states.items()}
        new = Snapshot(now, kept(watches, checked), stack.seen, suspects, states, queues, metrics, turn)
        reading.write(write_snapshot(self._scene.ledger, SnapshotItem(now, snapshot.to_text(new), row.revision)))
        if (notifier.fault or fault) is not None:
            raise notifier.fault or fault or AssertionError("one of them is set")
        return self._report(stack.jobs, notifier, after, sum(map(len, started.values())))

    # -- the stack and its schedules -----------------------------------------------------------------------------------
    def _stack(self, before: Snapshot) -> _Stack:
        listed, template = self._reading.schedules(), self._reading.template()
        in_progress = self._reading.is_in_progress()
        deployed = jobs_of_template(template)
        jobs = {name: job for name, job in deployed.items() if _is_readable(job)}
        declared = schedules.declared_of(template, self._scene.stack, jobs)
        states, seen = list[schedules.State](), dict[str, Seen]()
        for name, of in declared.items():
            found = listed.get(name)
            live = None if found is None else schedules.Live(*found)
            differences = ""
            if live is not None:
                known = before.seen.get(name)
                if schedules.is_known(known, of, live) and known is not None:
                    seen[name], differences = known, known.differences
                elif (got := self._reading.schedule(name)) is not None:
                    function = f"{self._scene.stack}-{of.job}"
                    differences = schedules.differences(got, of, jobs[of.job], function)
                    seen[name] = Seen(live.modified, of.hash, differences)
                else:
                    live = None
            states.append(schedules.State(name, of, live, differences))
        return _Stack(jobs, declared, tuple(states), seen, in_progress, frozenset(deployed))

    def _watches(self, before: Snapshot, stack: _Stack) -> tuple[Watch, ...]:
        active = [
            Active(state.declared.job, state.declared.number, state.live.modified)
            for state in stack.states
            if state.live is not None and state.live.enabled and state.declared.enabled and not state.differences
        ]
        return next_watches(before.watches, stack.jobs, active, last=before.at, now=self._now)

    def _schedules(self, before: Snapshot, stack: _Stack) -> tuple[str, ...]:
        """Judge the schedules. Return the suspects for the next pass."""
        if stack.in_progress:
            return before.suspects
        suspects = schedules.suspects_of(stack.states, in_progress=False)
        new = {stack.declared[name].job for name in suspects if name not in before.suspects}
        judged = [(job, cause) for job in stack.jobs if job not in new for cause in _OF_SCHEDULES]
        self._found.add(schedules.check(stack.states, suspects, before.suspects, before.at), judged)
        return suspects

    # -- queues and metrics --------------------------------------------------------------------------------------------
    def _queues(self, before: Snapshot) -> dict[str, int]:
        letters, now = self._reading.letters(), self._now
        queues = services.next_queues(before.queues, letters, now)
        old = [url for url, since in queues.items() if now - since >= services.OLD]
        names = [(("QueueName", url.rpartition("/")[2]),) for url in old]
        wanted = [Query("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", name) for name in names]
        try:
            values = self._reading.metrics(wanted, now - HOUR, now) if wanted else []
        except UnknownMetric:
            return queues  # not judged in this pass
        ages = {url: value for url, value in zip(old, values, strict=True) if value is not None}
        self._found.add(services.check_letters(queues, letters, ages, now), [("", "dead-letters")])
        return queues

    def _metrics(self, before: Snapshot, jobs: Collection[str]) -> int:
        """Judge Lambda's metrics, if it is time. Return when they were read last."""
        if self._now - before.metrics < services.EVERY:
            return before.metrics
        try:
            return self._read_metrics(before, jobs)
        except UnknownMetric:
            return before.metrics  # not judged; the next pass reads them again

    def _read_metrics(self, before: Snapshot, jobs: Collection[str]) -> int:
        now, stack = self._now, self._scene.stack
        since = services.metrics_since(before.metrics, now)
        account = [Query(_LAMBDA, one.name, one.statistic) for one in services.METRICS]
        totals = self._reading.metrics(account, since, now)
        over = [one for one, total in zip(services.METRICS, totals, strict=True) if (total or 0) >= one.least]
        wanted = [(job, one) for job in jobs for one in over]
        queries = [
            Query(_LAMBDA, one.name, one.statistic, (("FunctionName", f"{stack}-{job}"),)) for job, one in wanted
        ]
        values: dict[str, dict[str, float]] = {job: {} for job in jobs}
        for (job, one), value in zip(wanted, self._reading.metrics(queries, since, now), strict=True):
            values[job][one.name] = value or 0
        causes = {one.cause for one in services.METRICS}
        self._found.add(services.check_metrics(values, now), [(job, cause) for job in jobs for cause in causes])
        return now

    # -- what follows from the findings --------------------------------------------------------------------------------
    def _notify(
        self, notifier: Notifier, rows: Mapping[Key, IncidentItem], deployed: Collection[str]
    ) -> dict[Key, IncidentItem]:
        """Bring each incident to its next state. Return all incidents afterwards.

        The incidents of a removed job are solved. ``deployed``: also jobs whose schedules this version cannot read.
        """
        after = dict[Key, IncidentItem]()
        found = self._found
        for key in dict.fromkeys([*rows, *found.found]):
            job, cause = key
            judged = key in found.judged or (job != "" and job not in deployed)
            superseded = cause == "late" and (job, "missed") in found.found
            row = rows.get(key)
            if row is not None and row.opened > self._now:
                after[key] = row  # a later pass has opened it, while this one was frozen: it knows less
                continue
            row = notifier.settle(row, found.found.get(key), judged=judged, superseded=superseded)
            if row is not None:
                after[key] = row
        return after

    def _start(
        self, judged: Mapping[str, Judged], after: Mapping[Key, IncidentItem], stack: _Stack
    ) -> tuple[dict[str, tuple[int, ...]], Exception | None]:
        """Start missed occurrences whose incident is open. Return the due times that were started, and a failure.

        The event is that of a backfill: it has no start deadline, and the id of the schedule's occurrence. So the guard
        runs it once, also if this pass is killed and the next one starts it again.
        """
        started, fault = dict[str, tuple[int, ...]](), None
        for name, of_job in judged.items():
            incident = after.get((name, "missed"))
            if not of_job.to_start or incident is None or incident.status != "open":
                continue
            input = self._input(name, stack)
            if input is None:
                continue
            for due in of_job.to_start:
                event = operator_event(name, "backfill", due=due, requested=self._now, input=input)
                payload = json.dumps(event, allow_nan=False).encode()
                function = f"{self._scene.stack}-{name}"
                try:
                    self._reading.call(
                        "lambda", "invoke", FunctionName=function, InvocationType="Event", Payload=payload
                    )
                except Exception as raised:  # boto3 makes its exception classes at run time; raised after the pass
                    fault = fault or raised
                    break
                started[name] = (*started.get(name, ()), due)
        return started, fault

    def _input(self, job: str, stack: _Stack) -> dict[str, Any] | None:
        """Return the input of a job's occurrences: from the template, else from Scheduler."""
        for name, of in stack.declared.items():
            if of.job == job:
                found = schedules.input_of(of.input)
                if found is None and (got := self._reading.schedule(name)) is not None:
                    found = schedules.input_of(got["Target"].get("Input"))
                return found
        return None

    def _report(
        self, jobs: Collection[str], notifier: Notifier, after: Mapping[Key, IncidentItem], started: int
    ) -> PassReport:
        causes = [cause for (_, cause), row in after.items() if row.status == "open"]
        return PassReport(
            self._now,
            len(jobs),
            tuple(self._found.found.values()),
            opened=notifier.opened,
            notified=notifier.notified,
            cleared=notifier.cleared,
            open=len(causes),
            missed=causes.count("missed"),
            late=causes.count("late"),
            started=started,
            requests=self._reading.requests,
        )


def _in_turn(jobs: Mapping[str, JobMetadata], turn: int) -> tuple[list[str], int]:
    """Return the jobs whose lists this pass reads, and the number with which the next pass begins."""
    by_code = [name for name, job in jobs.items() if job.by_code]
    others = [name for name, job in jobs.items() if not job.by_code]
    if len(by_code) <= TURN:
        return [*others, *by_code], 0
    chosen = [by_code[(turn + number) % len(by_code)] for number in range(TURN)]
    return [*others, *chosen], (turn + TURN) % len(by_code)


def _is_readable(job: JobMetadata) -> bool:
    """Return whether this version can read the schedules of a job. Another version may have deployed it."""
    return all(is_valid(job.job, *schedule) for schedule in job.schedules)


def _started(state: JobState, due: Collection[int], now: int) -> JobState:
    """Return the state with the occurrences that were started."""
    missed = tuple(Missed(one.due, one.too_late, now if one.due in due else one.started) for one in state.missed)
    return state._replace(missed=missed)
