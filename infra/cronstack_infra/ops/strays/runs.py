"""Find runs that wait for an attempt and that nothing brings back: their carrier is missing.

``cronstack.ledger.open_runs`` has the statuses and their times. A missed run whose key was planned again needs no
letter.

A carrier is lost if its role, its group or its function was deleted: EventBridge Scheduler cannot deliver it, and
without the role it leaves no dead letter. If the group has no carrier of a run ``PATIENCE`` after the run's time, the
fix invokes the function asynchronously with the event that the row stores. The guard decides about that event as about
every duplicate. So a late event in Lambda's queue, or a carrier that no list shows yet, does no harm: one of the two
runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cronstack.guard import carrier
from cronstack.guard.carried import brings
from cronstack.ledger import plan_requests, run_requests
from cronstack.ledger.items import read_plan, read_run
from cronstack.ledger.open_runs import comes_back_at, is_overdue, is_same
from cronstack.ledger.partitions import open_lists
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import split_generation
from cronstack_infra.ops.deployment import DeployedJob
from cronstack_infra.ops.invoking import invoke_async
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.kept import Event, event_of_plan, event_of_run
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.strays.groups import Groups
from cronstack_infra.ops.strays.stray import INVOKED, LEFT, Fix, Stray

_INVOKE: Final[Fix] = "invoke"


class Runs:
    """The open runs of deployed jobs. ``clock`` returns epoch milliseconds."""

    def __init__(
        self,
        groups: Groups,
        carriers: str,
        reader: Reader,
        ledger: str,
        functions: Any,
        clock: Callable[[], int],
    ) -> None:
        self._groups, self._carriers, self._reader, self._ledger = groups, carriers, reader, ledger
        self._functions, self._clock = functions, clock

    def find(self, job: str, *, by_code: bool) -> Iterator[Stray]:
        """Yield the runs of a job that nothing brings back. ``by_code``: code may have planned runs of it."""
        runs = keyed.open_runs(self._reader, open_lists(job, by_code=by_code))
        waiting = (run for run in runs if is_overdue(run, self._clock()))
        late = [*keyed.without_planned_again(self._reader, job, waiting)]
        if not late:
            return
        brought = self._brought(job)
        if all(run.occurrence in brought for run in late):
            return
        brought |= self._brought(job)  # for a moment between two carriers, a run has none
        for run in late:
            if run.occurrence not in brought and is_same(run, self._row(job, run.occurrence)):
                yield self._stray(job, run)

    def fix(self, stray: Stray, job: DeployedJob) -> str:
        """Invoke the function again with the event that the row stores. Return the result as text."""
        run = self._row(stray.job, stray.occurrence)
        if run is None or not is_overdue(run, self._clock()):
            return f"not needed: it {_state(run)}"
        event = self._event(stray.job, run)
        if event is None:
            return f"{LEFT}: its row stores no event now"
        invoke_async(self._functions, job, event)
        return "invoked again"

    def _stray(self, job: str, run: RunItem) -> Stray:
        what, remedy, fix = f"{run.status}, and nothing brings it back", INVOKED, _INVOKE
        if self._event(job, run) is None:
            what, remedy, fix = f"{what}; its row stores no event", _by_hand(job, run), ""
        return Stray("run", job, run.key, "", comes_back_at(run), what, remedy, fix, run.revision, run.occurrence)

    def _event(self, job: str, run: RunItem) -> Event | None:
        """Return the event that the run stores, else the event of its key's plan."""
        event = event_of_run(job, run)
        if event is not None or not run.key:
            return event
        plan = read_plan(self._reader.get(plan_requests.get(self._ledger, job, run.key)))
        is_of_run = plan is not None and (plan.revision, plan.due, plan.payload) == (run.revision, run.due, run.payload)
        return event_of_plan(job, plan) if plan is not None and is_of_run else None

    def _brought(self, job: str) -> set[str]:
        """Return the occurrences that carriers of the job bring."""
        now = self._clock()
        carriers = self._groups.list(self._carriers, lambda count: None, prefix=carrier.prefix(job))
        found = (
            None if got is None else brings(got, job, now) for _, got in self._groups.get_all(self._carriers, carriers)
        )
        return {occurrence for occurrence in found if occurrence is not None}

    def _row(self, job: str, occurrence: str) -> RunItem | None:
        return read_run(self._reader.get(run_requests.get_run(self._ledger, job, occurrence)))


def _by_hand(job: str, run: RunItem) -> str:
    """Return the remedy for a run whose event is not stored."""
    remedy = f"redrive its dead letter, if it exists: cronstack dead-letters list {job}"
    base, generation = split_generation(run.occurrence)
    if not base.startswith("t-") or generation > 1:
        return remedy
    return f"{remedy}; or: cronstack trigger {job} --at {base.removeprefix('t-')}"


def _state(run: RunItem | None) -> str:
    return "has no row now" if run is None else f"is {run.status} now"
