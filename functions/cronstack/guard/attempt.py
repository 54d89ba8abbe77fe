"""An open attempt: commit, checkpoint and extend, while the handler works. All three are fenced.

    commit      the handler's own writes and the settlement in one transaction: both happen, or neither
    checkpoint  a value for the next attempt
    extend      a new end for the lease, of a job with a short one

Each is one conditional write by this attempt's holder. An attempt that has lost the lease writes nothing and raises
``LeaseLost``. After a lost answer the same bytes are sent again; the refusal of these shows our own write.

A commit with an unknown end leaves the attempt *in doubt*. The guard then neither settles nor retries it, whatever the
handler does. The next delivery finds it settled, or takes over after the lease.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cronstack.errors import CommitRefused, LeaseLost, MisuseError, Unavailable
from cronstack.guard.delivery import TIME_TO_TELL, Delivery, Grant
from cronstack.ledger import run_requests
from cronstack.steps import Refused, Steps, send
from cronstack.timing.aws_clock import MAX_DATE_LAG

MOST_WRITES: Final = 98
"""Writes of a handler in one commit: DynamoDB allows 100 in a transaction, two are the settlement."""
LARGEST_COMMIT: Final = 4 * 1024 * 1024 - 16 * 1024
"""Bytes of these writes: DynamoDB's limit, less room for the settlement."""
LARGEST_CHECKPOINT: Final = 64 * 1024
"""Bytes, as JSON. An item has 400 KB, and each checkpoint costs a write unit per KB of the whole item."""
WRITES: Final = ("Put", "Update", "Delete", "ConditionCheck")


class Attempt:
    """An open attempt; it implements ``steps.OpenAttempt``."""

    __slots__ = ("_delivery", "_saves", "committed", "doubt", "grant")

    def __init__(self, delivery: Delivery, grant: Grant) -> None:
        self._delivery = delivery
        self._saves = grant.saves
        self.grant = grant
        """The claim. ``extend`` replaces its ``expires``."""
        self.committed = False
        self.doubt: Unavailable | None = None
        """A commit whose end is unknown."""

    def commit(self, writes: Sequence[Mapping[str, Any]], result: str) -> Steps[None]:
        """Raises CommitRefused, LeaseLost, MisuseError, Unavailable."""
        _refuse_misuse(writes, self._delivery.terms.table)
        if self.committed:
            raise MisuseError("run.commit was called twice", remedy="Give all writes to one call: they are one effect.")
        if self.doubt is not None:
            raise self.doubt
        delivery = self._delivery
        closing = delivery.closing("succeeded", result=result)._replace(writes=tuple(writes))
        call = run_requests.settle(closing, delivery.next_settle())
        try:
            answer = yield from send(call, delivery.host, reserve=TIME_TO_TELL)
        except BaseException as fault:  # also of the transport, which may have sent the call before it raised
            if not isinstance(fault, Unavailable):
                self.doubt = Unavailable(f"a commit ended in {type(fault).__name__}: {fault}")
            elif not fault.certain:
                self.doubt = fault
            raise
        if isinstance(answer, Refused):
            yield from self._judge(answer, ours=len(answer.conditions) - len(writes))
        self.committed = True

    def _judge(self, refused: Refused, *, ours: int) -> Steps[None]:
        """Return if the refusal shows our own commit, whose answer was lost. Else raise."""
        delivery, first = self._delivery, refused.conditions[0]
        if not first.held:
            run = yield from delivery.shown_run(first.item)
            if run is not None and run.holder == delivery.holder and run.status == "succeeded":
                return
        if not all(condition.held for condition in refused.conditions[:ours]):
            raise self._lost("committed")
        for index, condition in enumerate(refused.conditions[ours:]):
            if not condition.held:
                raise CommitRefused(index, None if condition.item is None else dict(condition.item))

    def checkpoint(self, value: str) -> Steps[None]:
        """Keep JSON for the next attempt. Raises LeaseLost, MisuseError, Unavailable."""
        size = len(value.encode())
        if size > LARGEST_CHECKPOINT:
            raise MisuseError(
                f"the checkpoint has {size} bytes, at most {LARGEST_CHECKPOINT} are kept",
                remedy="Keep the data in S3 or a table of your own, and its place in the checkpoint.",
            )
        delivery, of = self._delivery, self._delivery.terms.occurrence
        self._saves += 1
        call = run_requests.save(delivery.terms.table, of.job, of.id, delivery.holder, value, self._saves)
        answer = yield from send(call, delivery.host, reserve=TIME_TO_TELL)
        if isinstance(answer, Refused):
            run = yield from delivery.shown_run(answer.conditions[0].item)
            own = run is not None and (run.holder, run.status, run.saves) == (delivery.holder, "running", self._saves)
            if not own:  # an own checkpoint is no refusal: its answer was lost
                raise self._lost("kept")

    @property
    def is_short(self) -> bool:
        """Whether a clock that was behind has stored an end of the lease that is too early.

        Compares it with the end that the latest possible time of the claim would have given. A right clock said at
        most ``MAX_DATE_LAG`` and the way of the request less than that. What is left of the grace then covers the rest.
        """
        delivery = self._delivery
        needed = delivery.host.clock.latest() - max(0, min(self._since_claim())) + delivery.span
        return needed - self.grant.expires > delivery.asking.margin + MAX_DATE_LAG

    @property
    def has_waited(self) -> bool:
        """Whether a lease that the job wants to be short has lasted for a while, before the handler begins."""
        delivery = self._delivery
        return delivery.terms.lease is not None and max(self._since_claim()) > delivery.asking.margin

    def _since_claim(self) -> tuple[int, int]:
        """Milliseconds since the claim was made, by the wall clock and by the monotonic clock."""
        here, then = self._delivery.host.clock.reading(), self._delivery.opened
        return here.wall - then.wall, here.monotonic - then.monotonic

    def extend(self) -> Steps[None]:
        """Renew the lease from now on. Raises LeaseLost, Unavailable."""
        delivery = self._delivery
        expires = max(self.grant.expires, delivery.lease_end(delivery.host.clock.latest()))
        of = delivery.terms.occurrence
        renewal = run_requests.Renewal(delivery.terms.table, of, delivery.holder, expires, delivery.alone)
        call = run_requests.extend(renewal, delivery.next_settle())
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
        if isinstance(answer, Refused):
            raise self._lost("extended")
        self.grant = self.grant._replace(expires=expires)

    def _lost(self, done: str) -> LeaseLost:
        return LeaseLost(
            f"{self._delivery.asking.occurrence} of {self._delivery.terms.occurrence.job}: this attempt lost its lease,"
            f" so nothing was {done}",
            remedy="Let it end: another attempt works the occurrence, or has worked it.",
        )


def in_json(value: object, what: str) -> str:
    """Return ``value`` as JSON. Raises MisuseError for a value that is not JSON."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as fault:
        raise MisuseError(f"the {what} cannot be written as JSON: {fault}") from None


def _refuse_misuse(writes: Sequence[Mapping[str, Any]], table: str) -> None:
    example = 'A write is {"Put": {"TableName": …, "Item": …}}, as TransactWriteItems of boto3\'s client takes it.'
    if len(writes) > MOST_WRITES:
        raise MisuseError(
            f"run.commit was given {len(writes)} writes; {MOST_WRITES} fit one transaction",
            remedy="Write what may be written twice before the commit, and in it what makes the rest count.",
        )
    for index, write in enumerate(writes):
        action = next(iter(write.values())) if len(write) == 1 else None
        if len(write) != 1 or next(iter(write)) not in WRITES or not isinstance(action, Mapping):
            raise MisuseError(f"run.commit: write {index} is not a valid write", remedy=example)
        if action.get("TableName") == table:
            raise MisuseError(f"run.commit: write {index} is for the ledger, which only the guard may write")
    size = len(repr(writes).encode())
    if size > LARGEST_COMMIT:
        raise MisuseError(
            f"the writes of run.commit have about {size} bytes; a transaction takes {LARGEST_COMMIT}",
            remedy="Keep large data in S3 and commit its place.",
        )
