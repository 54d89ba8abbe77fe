"""Before its due time an occurrence waits, and after its start deadline it is missed.

The clock of this machine may be wrong. So what looks too early or too late is looked at again after an answer of AWS
has told the time. That costs one read, and only there.

    early by seconds      sleep, then claim
    early by more         a carrier brings it back at its time: "deferred", reason "early"
    claimed, or its claim refused, then known to be early (this clock is ahead)
                          sleep, or give the attempt back: it does not count, and a carrier comes at the due time
    too late              "missed", with a dead letter

An event is early when Scheduler's clock is ahead, when a user has edited its schedule, or when a user has sent an old
dead letter again. An event that an operator requests does not wait.

What was given back has started: its start deadline and its overlap policy are not asked again. It is due in minutes,
and its carrier comes then.

Crash points
  1  deferred, no carrier made     not acknowledged: Lambda delivers the event again
  2  given back, no carrier made   the run is "retrying": the next delivery makes its carrier, under the same name
"""

from __future__ import annotations

from typing import Final

from cronstack.guard.begin import check_plan
from cronstack.guard.deferral import arm, obstacle_of_plan
from cronstack.guard.delivery import Delivery, Outcome
from cronstack.steps import Sleep, Steps

EARLY: Final = "early"
"""The reason of such a deferral, and in the name of its carrier what stands in the way."""
LONGEST_SLEEP: Final = 10.0
"""Seconds that an early event may cost as sleep. A carrier may be late by a minute, and costs one more invocation."""


def wait_until_due(delivery: Delivery) -> Steps[Outcome | None]:
    """Wait before the claim. Not None: it is deferred, or its plan is another one by now. Raises as ``begin``."""
    of = delivery.terms.occurrence
    if of.by_operator or delivery.host.now() >= of.due - delivery.asking.margin:
        return None
    if of.revision is not None and of.hop is None:
        over = yield from check_plan(delivery)  # its answer tells the time, too
        if over is not None:
            return over
    yield from delivery.learn_time()
    return (yield from sleep_or_defer(delivery))


def sleep_or_defer(delivery: Delivery) -> Steps[Outcome | None]:
    """Wait if it is early by the time that is known now. Not None: it is deferred."""
    early = delivery.early()
    if early == 0 or (yield from sleep_until_due(delivery, early)):
        return None
    yield from arm(delivery, obstacle_of_plan(delivery, EARLY), delivery.terms.occurrence.due)
    return Outcome("deferred", reason=EARLY)


def is_late(delivery: Delivery) -> Steps[bool]:
    """Whether its start deadline has passed. Raises Unavailable."""
    if delivery.is_late:
        yield from delivery.learn_time()
    return delivery.is_late


def sleep_until_due(delivery: Delivery, early: int) -> Steps[bool]:
    """Sleep for ``early`` milliseconds. False: it is not due for sure even then, or that is too long.

    No tenth of the handler's time may be lost for it.
    """
    if early > min(LONGEST_SLEEP, delivery.host.left() / 10) * 1000:
        return False
    yield Sleep(early / 1000)
    if delivery.early() > 0:  # one of the two clocks of this machine stood still
        yield from delivery.look_at_run()
    return delivery.early() == 0
