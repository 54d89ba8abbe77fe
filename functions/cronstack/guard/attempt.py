"""An open attempt: commit, checkpoint and extend, while the handler runs. All three are fenced.

    commit      the handler's own writes and the settlement in one transaction: both happen, or neither
    checkpoint  a value for the next attempt
    extend      a new end for the lease, for a job with a short lease

Each is one conditional write by this attempt's holder. An attempt that has lost the lease writes nothing and raises
``LeaseLost``. After a lost answer the same bytes are sent again; if they are refused, the refusal shows our own write.

After a commit with an unknown result, the attempt is *in doubt*. The guard then neither settles nor retries it,
whatever the handler does. The next delivery finds it settled, or takes over after the lease.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cronstack.errors import CommitRefused, LeaseLost, MisuseError, Unavailable
from cronstack.guard.delivery import TIME_TO_RAISE, Delivery, Grant
from cronstack.ledger import run_requests
from cronstack.steps import Refused, Steps, send
from cronstack.timing.aws_clock import MAX_DATE_LAG

MOST_WRITES: Final = 98
"""Most writes of a handler in one commit: DynamoDB allows 100 in a transaction, two are the settlement."""
LARGEST_COMMIT: Final = 4 * 1024 * 1024 - 16 * 1024
"""Most bytes of these writes: DynamoDB's limit, less the size of the settlement."""
LARGEST_CHECKPOINT: Final = 64 * 1024
"""Most bytes, as JSON. An item may have 400 KB, and each checkpoint costs a write unit per KB of the whole item."""
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
        """The fault of a commit whose result is unknown."""

    def commit(self, writes: Sequence[Mapping[str, Any]], result: str) -> Steps[None]:
        """Carry out the writes and the settlement. Raise CommitRefused, LeaseLost, MisuseError, Unavailable."""
        _refuse_misuse(writes, self._delivery.terms.table)
        if self.committed:
            raise MisuseError("run.commit was called twice", remedy="Pass all writes to one call: they are one effect.")
        if self.doubt is not None:
            raise self.doubt
        delivery = self._delivery
        closing = delivery.closing("succeeded", result=result)._replace(writes=tuple(writes))
        call = run_requests.settle(closing, delivery.next_settle())
        try:
            answer = yield from send(call, delivery.host, reserve=TIME_TO_RAISE)
        except BaseException as fault:  # any exception: the transport may have sent the call before it raised
            if not isinstance(fault, Unavailable):
                self.doubt = Unavailable(f"a commit raised {type(fault).__name__}: {fault}")
            elif not fault.certain:
                self.doubt = fault
            raise
        if isinstance(answer, Refused):
            yield from self._judge(answer, ours=len(answer.conditions) - len(writes))
        self.committed = True

    def _judge(self, refused: Refused, *, ours: int) -> Steps[None]:
        """Return if the refusal shows our own commit, whose answer was lost. Else raise LeaseLost or CommitRefused."""
        delivery, first = self._delivery, refused.conditions[0]
        if not first.held:
            run = yield from delivery.shown_run(first.item)
            if run is not None and run.holder == delivery.holder and run.status == "succeeded":
                return
        if not all(condition.held for condition in refused.conditions[:ours]):
            raise self._lease_lost("committed")
        for index, condition in enumerate(refused.conditions[ours:]):
            if not condition.held:
                raise CommitRefused(index, None if condition.item is None else dict(condition.item))

    def checkpoint(self, value: str) -> Steps[None]:
        """Store JSON for the next attempt. Raise LeaseLost, MisuseError, Unavailable."""
        size = len(value.encode())
        if size > LARGEST_CHECKPOINT:
            raise MisuseError(
                f"the checkpoint has {size} bytes; the limit is {LARGEST_CHECKPOINT}",
                remedy="Store the data in S3 or a table of your own, and its key in the checkpoint.",
            )
        delivery, of = self._delivery, self._delivery.terms.occurrence
        self._saves += 1
        call = run_requests.save(delivery.terms.table, of.job, of.id, delivery.holder, value, self._saves)
        answer = yield from send(call, delivery.host, reserve=TIME_TO_RAISE)
        if isinstance(answer, Refused):
            run = yield from delivery.shown_run(answer.conditions[0].item)
            own = run is not None and (run.holder, run.status, run.saves) == (delivery.holder, "running", self._saves)
            if not own:  # else this is our own checkpoint, whose answer was lost
                raise self._lease_lost("stored")

    @property
    def is_short(self) -> bool:
        """Whether the stored end of the lease is too early, because this clock was behind at the claim.

        Compares it with the end by the latest possible time of the claim. With a right clock the difference is at most
        ``MAX_DATE_LAG`` and the time of the request. The rest of the grace covers that.
        """
        delivery = self._delivery
        needed = delivery.host.clock.latest() - max(0, min(self._since_claim())) + delivery.span
        return needed - self.grant.expires > delivery.claimant.margin + MAX_DATE_LAG

    @property
    def has_waited(self) -> bool:
        """Whether a lease that the job declares as short has partly passed before the handler starts."""
        delivery = self._delivery
        return delivery.terms.lease is not None and max(self._since_claim()) > delivery.claimant.margin

    def _since_claim(self) -> tuple[int, int]:
        """Return the milliseconds since the claim, by the wall clock and by the monotonic clock."""
        here, then = self._delivery.host.clock.reading(), self._delivery.opened
        return here.wall - then.wall, here.monotonic - then.monotonic

    def extend(self) -> Steps[None]:
        """Renew the lease from now on. Raise LeaseLost, Unavailable."""
        delivery = self._delivery
        expires = max(self.grant.expires, delivery.lease_end(delivery.host.clock.latest()))
        of = delivery.terms.occurrence
        renewal = run_requests.Renewal(delivery.terms.table, of, delivery.holder, expires, delivery.alone)
        call = run_requests.extend(renewal, delivery.next_settle())
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
        if isinstance(answer, Refused):
            raise self._lease_lost("extended")
        self.grant = self.grant._replace(expires=expires)

    def _lease_lost(self, done: str) -> LeaseLost:
        return LeaseLost(
            f"{self._delivery.claimant.occurrence} of {self._delivery.terms.occurrence.job}: this attempt lost its"
            f" lease, so nothing was {done}",
            remedy="End the handler: another attempt runs the occurrence, or has run it.",
        )


def in_json(value: object, what: str) -> str:
    """Return ``value`` as JSON. Raise MisuseError for a value that is not JSON."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as fault:
        raise MisuseError(f"the {what} cannot be written as JSON: {fault}") from None


def _refuse_misuse(writes: Sequence[Mapping[str, Any]], table: str) -> None:
    example = 'A write is {"Put": {"TableName": …, "Item": …}}, as TransactWriteItems of boto3\'s client takes it.'
    if len(writes) > MOST_WRITES:
        raise MisuseError(
            f"run.commit has {len(writes)} writes; the limit of a transaction is {MOST_WRITES}",
            remedy="Do the writes that are safe to repeat before the commit. Commit the one that makes them visible.",
        )
    for index, write in enumerate(writes):
        action = next(iter(write.values())) if len(write) == 1 else None
        if len(write) != 1 or next(iter(write)) not in WRITES or not isinstance(action, Mapping):
            raise MisuseError(f"run.commit: write {index} is not a valid write", remedy=example)
        if action.get("TableName") == table:
            raise MisuseError(f"run.commit: write {index} is for the ledger {table}, which only the guard may write")
    size = len(repr(writes).encode())
    if size > LARGEST_COMMIT:
        raise MisuseError(
            f"the writes of run.commit have about {size} bytes; the limit is {LARGEST_COMMIT}",
            remedy="Store large data in S3 and commit its key.",
        )
