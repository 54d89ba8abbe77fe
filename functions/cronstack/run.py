"""The argument of a handler: one attempt of one run. It imports little, because every jobs module imports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from logging import Logger

LONGEST_WAIT = 7 * 86_400
"""Most seconds of ``retry(after=…)``. The ledger keeps a run much longer."""


class Guard(Protocol):
    """The methods of the guard that a run calls."""

    def commit(self, writes: Sequence[Mapping[str, Any]], result: object) -> None: ...
    def checkpoint(self, value: object) -> None: ...
    def extend(self) -> None: ...


class NoGuard:
    """The guard of a run that a unit test has created. It has no ledger."""

    __slots__ = ()

    def commit(self, writes: Sequence[Mapping[str, Any]], result: object) -> None:
        self._refuse("commit")

    def checkpoint(self, value: object) -> None:
        self._refuse("checkpoint")

    def extend(self) -> None:
        self._refuse("extend")

    def _refuse(self, method: str) -> NoReturn:
        from cronstack.errors import MisuseError

        raise MisuseError(
            f"run.{method} needs the guard, but this run was created without one",
            remedy="Pass Run(..., guard=...) an object with the methods commit(writes, result), checkpoint(value) and"
            " extend(), or test the job behind its guard.",
        )


class Run(NamedTuple):
    """One attempt at one occurrence of a job.

    ``scheduled`` is the occurrence's due time, aware, in UTC. Compute "yesterday" from it, not from the clock: then a
    backfill has the same result years later.
    """

    job: str
    """The job's name."""
    occurrence: str
    """The occurrence's id; the same on every attempt."""
    scheduled: datetime
    """The due time: an aware datetime in UTC."""
    attempt: int
    """From 1. Counts the claims of this occurrence, also those that ended before the handler started."""
    fence: int
    """A number that grows with every lease of the job. Pass it to stores that can refuse a smaller one."""
    input: dict[str, Any]
    """The declared input, or that of the plan or the operator."""
    log: Logger
    """A logger that writes JSON lines with job, occurrence and attempt."""
    seconds_left: Callable[[], float]
    """Use ``remaining()``."""
    resume: Any = None
    """The last value that an earlier attempt passed to ``checkpoint``; None without one."""
    limit: int = 1
    """Most attempts of this run. ``attempt == limit`` is the last one."""
    guard: Guard = NoGuard()
    """Use ``commit``, ``checkpoint`` and ``extend``."""
    once_key: str = ""
    """The key of ``once.schedule``; "" for an occurrence that was declared or triggered."""
    context: Any = None
    """Lambda's context object, for decorators of other libraries. None in a unit test."""

    @property
    def key(self) -> str:
        """A stable idempotency key, "<job>/<occurrence>", for e-mail, HTTP and payments."""
        return f"{self.job}/{self.occurrence}"

    def remaining(self) -> float:
        """Return the seconds until Lambda ends this attempt."""
        return self.seconds_left()

    def commit(self, *writes: Mapping[str, Any], result: object = None) -> None:
        """Carry out these DynamoDB writes and settle the run as succeeded, in one transaction: an effect exactly once.

        ``writes``: up to 98, each as ``TransactWriteItems`` of boto3's client takes it, ``{"Put": {"TableName": …}}``,
        to tables that the job may write. ``result`` is stored as the handler's result. End the handler after the
        commit: its return value and its exceptions have no effect any more.

        Raise CommitRefused (a condition of a write did not hold, nothing was written), LeaseLost (another attempt
        took over, nothing was written), MisuseError (nothing was sent), Unavailable (it is unknown whether the writes
        were carried out; do not catch it).
        """
        self.guard.commit(writes, result)

    def checkpoint(self, value: object) -> None:
        """Store ``value`` (JSON, at most 64 KB) for the next attempt, which reads it as ``run.resume``.

        Raise LeaseLost, MisuseError, Unavailable.
        """
        self.guard.checkpoint(value)

    def extend(self) -> None:
        """Renew the lease of a job that is declared with a short one (``@job(lease=…)``).

        Raise LeaseLost (stop: another attempt may have taken over), Unavailable.
        """
        self.guard.extend()

    def retry(self, *, after: float | timedelta, why: str = "") -> NoReturn:
        """End this attempt as failed. If an attempt is left, it starts ``after`` seconds or a timedelta (1 s to 7 d).

        Raise RetryLater; do not catch it. Raise MisuseError for a span out of range.
        """
        from cronstack.errors import MisuseError, RetryLater

        seconds = after if isinstance(after, int | float) else after.total_seconds()
        if not 1 <= seconds <= LONGEST_WAIT:
            raise MisuseError(f"run.retry(after={after!r}): after must be 1 second to {LONGEST_WAIT // 86_400} days")
        raise RetryLater(float(seconds), why)
