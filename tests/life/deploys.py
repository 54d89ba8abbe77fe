"""The deploys of a year: done, refused, rolled back, deleted. They add the occurrences that must end."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.errors import CronstackError
from cronstack.occurrence import scheduled_id, to_milliseconds
from cronstack.timetable.instants import parse
from cronstack_infra.lock_file import Lock
from cronstack_infra.ops.deployment import Deployment, find_deployment
from cronstack_infra.ops.leftovers import JobLeftovers, find_leftovers_of
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.life.account import Account
from tests.life.app import PACKAGE, App
from tests.life.code import ZONE, Code, Declared

OVERRIDE: Final = {"cronstack:even-if-waiting": "all"}
"""The context that overrides the deploy check."""
_KILLED: Final = "The function failed without a response"
"""Text in the reason of a deployment that failed because a fault of the seed killed the deploy check."""
_MOMENT: Final = timedelta(seconds=1)


class Stack:
    """A deployed stack, with the code and the lock file that it was deployed from."""

    def __init__(self, name: str, code: dict[str, Declared], app: str) -> None:
        self.name, self.code = name, code
        self.deployed: Code = {}
        """The last deployed code."""
        self.lock = Lock(app)
        self.since: dict[str, tuple[datetime, int]] = {}
        """Time of deployment and hour by job, for jobs with a schedule."""
        self.closing = False
        """Whether the application has stopped planning there."""
        self._deployment: Deployment | None = None

    def deployment(self, cloud: VirtualCloud) -> Deployment:
        """Return the current deployment."""
        if self._deployment is None:
            self._deployment = find_deployment(cloud.client("cloudformation"), self.name)
        return self._deployment

    def set_deployed(self) -> None:
        """Store the code as deployed."""
        self.deployed, self._deployment = dict(self.code), None


class Deploys:
    """Deploys stacks to a cloud."""

    def __init__(self, cloud: VirtualCloud, app: App, account: Account) -> None:
        self._cloud, self._app, self._account = cloud, app, account
        self.counted: Counter[str] = Counter()

    def deploy(self, stack: Stack) -> None:
        """Deploy the stack's code. If the stack refuses it, check that it had a reason, and override."""
        removed = self._removed_jobs(stack)
        self._close(stack, [job for job in stack.since if job not in stack.code])
        stack.lock = stack.lock.added(PACKAGE, {job: declared.once for job, declared in stack.code.items()})
        leftovers = self.leftovers(stack, removed)
        refusal = self._refusal(self._app.assembly(stack.name, stack.code, stack.lock))
        assert bool(refusal) == bool(leftovers), (
            f"{stack.name}: {refusal or 'deployed'}; {[leftover.lines() for leftover in leftovers]}"
        )
        if refusal:
            assert leftovers[0].job in refusal, refusal
            self.counted["refused"] += 1
            again = self._refusal(self._app.assembly(stack.name, stack.code, stack.lock, **OVERRIDE))
            assert not again, again
        stack.set_deployed()
        self._open(stack)

    def fail(self, stack: Stack, code: Code) -> None:
        """Deploy code with a resource that AWS refuses. Check that it is rolled back."""
        lock = stack.lock.added(PACKAGE, {job: declared.once for job, declared in code.items()})
        refusal = self._refusal(self._app.assembly(stack.name, code, lock, broken=True, **OVERRIDE))
        assert self._status(stack) == "UPDATE_ROLLBACK_COMPLETE", refusal or "a broken version was deployed"
        self.counted["rolled back"] += 1

    def delete(self, stack: Stack) -> bool:
        """Delete a stack if nothing waits there. Its letters must have been read: the queues are purged."""
        deployment = stack.deployment(self._cloud)
        for url in (deployment.delivery_dead_letters, deployment.handler_dead_letters):
            self._cloud.client("sqs").purge_queue(QueueUrl=url)
        self._close(stack, list(stack.since))
        self._cloud.client("cloudformation").delete_stack(StackName=stack.name)
        self.counted["deleted" if (gone := self._status(stack) == "") else "not deleted"] += 1
        if not gone:
            self._open(stack)
        return gone

    def leftovers(self, stack: Stack, jobs: list[str]) -> tuple[JobLeftovers, ...]:
        """Return the plans and runs that wait for some jobs of a deployed stack."""
        if not jobs:
            return ()
        deployment = stack.deployment(self._cloud)
        return find_leftovers_of(self._cloud.client, deployment, jobs, now=to_milliseconds(self._cloud.now))

    def close(self, stack: Stack) -> None:
        """Add the occurrences due so far. Later ones are not expected."""
        self._close(stack, list(stack.since))

    def _removed_jobs(self, stack: Stack) -> list[str]:
        """Return the jobs that a deploy removes, or whose plans it removes."""
        code = stack.code
        return [job for job, was in stack.deployed.items() if job not in code or (was.once and not code[job].once)]

    def _refusal(self, assembly: Assembly) -> str:
        """Deploy, again while the check's function is killed. Return the reason of a refusal, or ""."""
        while True:
            try:
                self._cloud.deploy(assembly)
            except CronstackError as refused:
                if _KILLED not in str(refused):
                    return str(refused)
                self.counted["check killed"] += 1
            else:
                return ""

    def _open(self, stack: Stack) -> None:
        for job, declared in stack.code.items():
            if declared.hour is not None:
                stack.since.setdefault(job, (self._cloud.now, declared.hour))

    def _close(self, stack: Stack, jobs: list[str]) -> None:
        """Add each due time of a job's timetable at which its schedule was deployed."""
        for job in jobs:
            begin, hour = stack.since.pop(job)
            for due in parse(f"cron(0,1 {hour} * * ? *)", timezone=ZONE).after(begin + _MOMENT):
                if due >= self._cloud.now - _MOMENT:
                    break
                self._account.add_due(stack.name, job, scheduled_id(to_milliseconds(due)))

    def _status(self, stack: Stack) -> str:
        cloudformation: Any = self._cloud.client("cloudformation")
        summaries = [
            stack_summary
            for stack_summary in cloudformation.list_stacks()["StackSummaries"]
            if stack_summary["StackName"] == stack.name
        ]
        live = [
            stack_summary["StackStatus"]
            for stack_summary in summaries
            if stack_summary["StackStatus"] != "DELETE_COMPLETE"
        ]
        return str(live[0]) if live else ""
