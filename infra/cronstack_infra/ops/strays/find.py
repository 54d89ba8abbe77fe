"""Find and fix all strays of a deployment.

group of declared schedules ──▶ not in the stack, or missing in the group           declared
group of carriers ────────────▶ those that repeat, stay, or did not fire            carriers
group of plans ─┐
                ├─────────────▶ a plan without its schedule, and the reverse        plans
planned rows ───┘               jobs that are not deployed                          jobs
open runs ────────────────────▶ overdue runs that nothing brings back               runs
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, deployed_jobs
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.onetime import wirings
from cronstack_infra.ops.strays import jobs
from cronstack_infra.ops.strays.carriers import Carriers
from cronstack_infra.ops.strays.declared import Declared
from cronstack_infra.ops.strays.groups import Groups, Listed, Seen
from cronstack_infra.ops.strays.plans import BEHIND, Plans
from cronstack_infra.ops.strays.runs import Runs
from cronstack_infra.ops.strays.stray import LEFT, Stray


class Strays:
    """The strays of a deployment. ``clock`` returns epoch milliseconds.

    ``known``: names of all jobs that the project has ever declared, deployed or not.
    """

    def __init__(
        self,
        clients: Clients,
        deployment: Deployment,
        once: Once,
        clock: Callable[[], int],
        *,
        known: Iterable[str] = (),
    ) -> None:
        self._clients, self._deployment, self._once, self._clock = clients, deployment, once, clock
        self._known = tuple(known)
        self._groups, self._group = Groups(clients("scheduler")), names.once_group(deployment.stack)
        carriers, ledger = names.carriers_group(deployment.stack), deployment.ledger
        self._reader = Reader(clients("dynamodb"), ledger)
        self._wirings = wirings(deployment)
        self._jobs: Mapping[str, DeployedJob] = {}
        self._misnamed: list[str] = []
        """Schedules of jobs that code may schedule, with names that Cronstack does not generate."""
        self._declared = Declared(self._groups, deployment.group, clients("cloudformation"), deployment.stack, clock)
        self._carriers = Carriers(self._groups, carriers, self._reader, ledger, clock)
        self._runs = Runs(self._groups, carriers, self._reader, ledger, clients("lambda"), clock)

    def find(self, seen: Seen = lambda count: None, *, since: int | None = None) -> list[Stray]:
        """Return all strays, the oldest first. ``since``: earliest due time of plans, epoch milliseconds."""
        self._jobs = {job.name: job for job in deployed_jobs(self._clients("lambda"), self._deployment)}
        self._misnamed = []
        first = self._clock() - BEHIND if since is None else since
        count = _Count(seen)
        listed = self._groups.list(self._group, count.part())
        strays = self._unwired(listed)
        strays += self._plans().find(listed, self._misnamed, first, count.part())
        strays += self._carriers.find(count.part())
        strays += self._declared.find(count.part())
        for job in self._jobs:
            strays += self._runs.find(job, by_code=job in self._wirings)
        # For one key, create the new schedule before the old schedule is deleted.
        return sorted(
            strays, key=lambda stray: (stray.since, stray.job, stray.key, stray.fix == "delete", stray.schedule)
        )

    def fix(self, stray: Stray) -> str:
        """Fix a stray, if it still exists. Return the result as text."""
        if not stray.fix:
            return LEFT
        if stray.kind == "carrier":
            return self._carriers.fix(stray)
        if stray.kind == "run":
            job = self._jobs.get(stray.job)
            return self._runs.fix(stray, job) if job is not None else f"{LEFT}: its job is not deployed now"
        return self._plans().fix(stray)

    def _plans(self) -> Plans:
        ledger = self._deployment.ledger
        return Plans(self._groups, self._group, self._reader, ledger, self._wirings, self._once, self._clock)

    def _unwired(self, listed: Mapping[str, Listed]) -> list[Stray]:
        """Return the strays of jobs that code may not schedule, and store the wirings of those whose plans run."""
        wired = [schedules.prefix(job) for job in self._wirings]
        unwired = jobs.sort_out(self._groups, self._group, listed, wired, self._clock())
        strays = unwired.foreign
        for job, of_job in unwired.jobs.items():
            if job in self._wirings:
                self._misnamed += of_job
            elif job in self._jobs:
                wiring = self._wiring_of(job, of_job)
                if wiring is None:
                    strays.append(jobs.without_alias(job, of_job, listed))
                else:
                    self._wirings[job] = wiring
        gone = sorted({*self._known, *unwired.jobs} - {*self._jobs} - {*self._wirings})
        return [*strays, *jobs.waiting(self._clients, self._deployment, gone, listed, unwired.jobs, self._clock())]

    def _wiring_of(self, job: str, of_job: list[str]) -> Wiring | None:
        got = next((got for name in of_job if (got := self._groups.get(self._group, name)) is not None), None)
        return None if got is None else jobs.wiring_of(self._clients, self._deployment, job, got)


class _Count:
    """Counts of several lists, for one progress callback."""

    def __init__(self, seen: Seen) -> None:
        self._seen, self._parts = seen, list[int]()

    def part(self) -> Seen:
        """Return the callback of another list."""
        number = len(self._parts)
        self._parts.append(0)

        def count(read: int) -> None:
            self._parts[number] = read
            self._seen(sum(self._parts))

        return count
