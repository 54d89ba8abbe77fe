"""Before its due time an occurrence waits. After its start deadline it is missed.

The clock of this machine may be wrong. So an occurrence that seems too early or too late is checked again after an
answer of AWS has shown the time. That costs one read, in these cases only.

    early by seconds      sleep, then claim
    early by more         a carrier brings it back at its due time: "deferred", reason "early"
    claimed, or its claim refused, then known to be early (this clock is ahead)
                          sleep, or give the attempt back: it does not count, and a carrier comes at the due time
    too late              "missed", with a dead letter

An event is early when Scheduler's clock is ahead, when a user has edited its schedule, or when a user has sent an old
dead letter again. An operator's event does not wait.

An occurrence whose attempt was given back counts as started: its start deadline and its overlap policy are not checked
again. It is due in minutes, and its carrier comes then.

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
"""The reason of such a deferral, and the obstacle in the name of its carrier."""
LONGEST_SLEEP: Final = 10.0
"""Most seconds of sleep for an early event. A carrier may be late by a minute, and costs one more invocation."""


def wait_until_due(delivery: Delivery) -> Steps[Outcome | None]:
    """Wait before the claim. Not None: it is deferred, or another plan has overtaken it. Raise as ``begin``."""
    of = delivery.terms.occurrence
    if of.by_operator or delivery.host.now() >= of.due - delivery.claimant.margin:
        return None
    if of.revision is not None and of.hop is None:
        overtaken = yield from check_plan(delivery)  # its answer also shows the time
        if overtaken is not None:
            return overtaken
    yield from delivery.learn_time()
    return (yield from sleep_or_defer(delivery))


def sleep_or_defer(delivery: Delivery) -> Steps[Outcome | None]:
    """Wait if it is early by the best known time. Not None: it is deferred."""
    early = delivery.early()
    if early == 0 or (yield from sleep_until_due(delivery, early)):
        return None
    yield from arm(delivery, obstacle_of_plan(delivery, EARLY), delivery.terms.occurrence.due)
    return Outcome("deferred", reason=EARLY)


def is_late(delivery: Delivery) -> Steps[bool]:
    """Return whether its start deadline has passed. Raise Unavailable."""
    if delivery.is_late:
        yield from delivery.learn_time()
    return delivery.is_late


def sleep_until_due(delivery: Delivery, early: int) -> Steps[bool]:
    """Sleep for ``early`` milliseconds. False: that is too long, or it is not certainly due afterwards.

    The sleep may take at most a tenth of the handler's time.
    """
    if early > min(LONGEST_SLEEP, delivery.host.left() / 10) * 1000:
        return False
    yield Sleep(early / 1000)
    if delivery.early() > 0:  # one of the two clocks of this machine has stopped
        yield from delivery.look_at_run()
    return delivery.early() == 0
