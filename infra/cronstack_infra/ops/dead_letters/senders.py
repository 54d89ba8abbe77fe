"""Who has sent a dead letter, by SQS's SenderId, which no sender can choose: a second check beside ``deciding``.

For a role SenderId is the role's unique id and a session, ``AROA…:session``; for a user it is the user's id (AWS's page
of ReceiveMessage). The stack's roles send these letters:

    role                          sends letters of
    of a job's function           occurrences of this job: its runtime's letters, and Lambda's records
    of a job's carriers           occurrences of this job that a carrier could not deliver
    of a job's plans              keys of this job whose schedules could not deliver them
    of the declared schedules     scheduled occurrences of all jobs; only Scheduler can assume this role

A letter from the role of another job is refused, and so is a letter from a user: nothing in a stack is a user. A role
that is not found is no reason to refuse, because a role that is deleted and created again has another id. So what a
letter may do is decided without its sender (see ``deciding``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cronstack.occurrence import Occurrence
from cronstack_infra.ops.dead_letters.facts import Facts
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import Warn
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, deployed_jobs
from cronstack_infra.ops.onetime import wirings

SCHEDULER: Final = "Scheduler, for the declared schedules"
NOT_CHECKED: Final = "not checked"
UNKNOWN: Final = "unknown"
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


@dataclass(frozen=True)
class Sender:
    """The sender of a letter. ``refusal``: why the letter is not redriven; "" if its sender is no reason."""

    name: str
    refusal: str = ""
    trusted: bool = False
    """The letter comes from Scheduler, or from the job itself."""


@dataclass(frozen=True)
class _Role:
    """A role of the stack. ``job``: "" for the role of the declared schedules."""

    arn: str
    job: str
    name: str
    plans: bool = False


class Senders:
    """The roles of a deployed stack. Each is looked up once, and only when a letter makes it necessary."""

    def __init__(self, clients: Clients, deployment: Deployment, facts: Facts, warn: Warn) -> None:
        self._clients, self._deployment, self._facts, self._warn = clients, deployment, facts, warn
        self._ids: dict[str, str] = {}
        self._jobs: tuple[DeployedJob, ...] | None = None
        self._denied = False

    def judge(self, letter: DeadLetter, occurrence: Occurrence) -> Sender:
        """Return the sender of a letter, and whether it may send letters of this occurrence."""
        if not letter.sender:
            return Sender(UNKNOWN)
        id, _, session = letter.sender.partition(":")
        if not session:
            return Sender(f"the user {id}", f"it was sent by the user {id}, and by no role of this stack")
        found = self._find(id, occurrence.job)
        if found is None:
            return Sender(NOT_CHECKED if self._denied else UNKNOWN)
        if found.job not in ("", occurrence.job):
            return Sender(found.name, f"it was sent by {found.name}, and speaks of the job {occurrence.job}")
        if found.plans and not occurrence.key:
            return Sender(found.name, f"it was sent by {found.name}, and speaks of {occurrence.id}, which is no plan")
        return Sender(found.name, trusted=not found.plans)

    def _find(self, id: str, job: str) -> _Role | None:
        """Return the role with a unique id. Those of the job come first: mostly that is enough."""
        for role in self._roles(job):
            if self._id(role.arn) == id:
                return role
        return None

    def _roles(self, job: str) -> Iterator[_Role]:
        own = [one for one in self._deployed() if one.name == job]
        others = [one for one in self._deployed() if one.name != job]
        plans = wirings(self._deployment)
        for of in (own, others):
            for one in of:
                yield _Role(one.role, one.name, f"the role of the job {one.name}")
                yield _Role(one.carrier_role, one.name, f"the carriers' role of the job {one.name}")
                if one.name in plans:
                    yield _Role(plans[one.name].role, one.name, f"the plans' role of the job {one.name}", plans=True)
            if of is own:
                for schedule in self._facts.schedules(job):
                    yield _Role(schedule.role, "", SCHEDULER)

    def _deployed(self) -> tuple[DeployedJob, ...]:
        if self._jobs is None:
            self._jobs = deployed_jobs(self._clients("lambda"), self._deployment)
        return self._jobs

    def _id(self, arn: str) -> str:
        """Return the unique id of a role; "" for one that does not exist, or that may not be read."""
        if arn not in self._ids:
            self._ids[arn] = self._ask(arn) if arn else ""
        return self._ids[arn]

    def _ask(self, arn: str) -> str:
        from botocore.exceptions import ClientError

        try:
            return str(self._clients("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]["RoleId"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchEntity":
                return ""
            if code not in _DENIED:
                raise
        if not self._denied:
            self._denied = True
            self._warn("the senders of the letters were not checked: your credentials may not call iam:GetRole")
        return ""
