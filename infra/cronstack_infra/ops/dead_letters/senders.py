"""The sender of a dead letter, by SQS's SenderId, which no sender can choose: a second check after ``deciding``.

For a role SenderId is the role's unique id and a session, ``AROA…:session``; for a user it is the user's id (AWS's
page of ReceiveMessage). The stack's roles send these letters:

    role                          sends letters of
    of a job's function           occurrences of this job: letters of its runtime, and records of Lambda
    of a job's carriers           occurrences of this job that a carrier could not deliver
    of a job's plans              keys of this job whose schedules could not deliver them
    of the declared schedules     scheduled occurrences of all jobs; only Scheduler can assume this role

A letter from the role of another job is refused. A letter from a user is refused too: no part of a stack is a user. An
unknown role is no reason to refuse, because a role that is deleted and created again has another id. So ``deciding``
decides what a letter may do without its sender.
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
            return Sender(f"the user {id}", f"it was sent by the user {id}, which is not a role of this stack")
        role = self._find(id, occurrence.job)
        if role is None:
            return Sender(NOT_CHECKED if self._denied else UNKNOWN)
        if role.job not in ("", occurrence.job):
            return Sender(role.name, f"it was sent by {role.name}, but names the job {occurrence.job}")
        if role.plans and not occurrence.key:
            return Sender(role.name, f"it was sent by {role.name}, but names {occurrence.id}, which is not a plan")
        return Sender(role.name, trusted=not role.plans)

    def _find(self, id: str, job: str) -> _Role | None:
        """Return the role with a unique id. The roles of the job come first: mostly they are enough."""
        for role in self._roles(job):
            if self._id(role.arn) == id:
                return role
        return None

    def _roles(self, job: str) -> Iterator[_Role]:
        own = [deployed for deployed in self._deployed() if deployed.name == job]
        others = [deployed for deployed in self._deployed() if deployed.name != job]
        plans = wirings(self._deployment)
        for group in (own, others):
            for deployed in group:
                name = deployed.name
                yield _Role(deployed.role, name, f"the role of the job {name}")
                yield _Role(deployed.carrier_role, name, f"the carriers' role of the job {name}")
                if name in plans:
                    yield _Role(plans[name].role, name, f"the plans' role of the job {name}", plans=True)
            if group is own:
                for schedule in self._facts.schedules(job):
                    yield _Role(schedule.role, "", SCHEDULER)

    def _deployed(self) -> tuple[DeployedJob, ...]:
        if self._jobs is None:
            self._jobs = deployed_jobs(self._clients("lambda"), self._deployment)
        return self._jobs

    def _id(self, arn: str) -> str:
        """Return the unique id of a role; "" for a role that does not exist, or that may not be read."""
        if arn not in self._ids:
            self._ids[arn] = self._read_id(arn) if arn else ""
        return self._ids[arn]

    def _read_id(self, arn: str) -> str:
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
