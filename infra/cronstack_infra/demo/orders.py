"""Three orders of the demo. Their checkout schedules, moves and cancels payments; the demo checks the results.

1    to be paid in twenty seconds; the payment service charges, answers with an error, and gets the request again
2    to be paid in two days, then moved to the time of the first
3    to be paid in twenty seconds, then cancelled: nothing is charged
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

from cronstack import clock
from cronstack.entropy import SYSTEM, ulid
from cronstack.errors import OperationError
from cronstack.occurrence import planned_id
from cronstack_infra.demo.payments import Payments
from cronstack_infra.local.http.mails import PATH as MAILS
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.runs import Row, follow
from cronstack_infra.ops.trigger import trigger

if TYPE_CHECKING:
    from cronstack_infra.demo.stages import Shown
    from cronstack_infra.progress import Progress

SOON: Final = timedelta(seconds=20)
"""No schedule is made for less than 15 s ahead."""
FIRST, POSTPONED, WITHDRAWN = "4711", "4712", "4713"
CENTS: Final = {FIRST: 1999, POSTPONED: 4950, WITHDRAWN: 120_00}
REMINDED: Final = {FIRST: "ann@example.com", POSTPONED: "bob@example.com"}
PATIENCE: Final = 90.0
"""Seconds to wait for one run to end."""


def stumbles(order: str, number: int) -> bool:
    """Return whether the payment service answers with an error. It does once, for the first order, after charging."""
    return order == FIRST and number == 1


def place(shown: Shown, progress: Progress) -> None:
    """Send all three orders to the checkout, then the changes."""
    soon = clock.now().replace(microsecond=0) + SOON
    for order in CENTS:
        due = soon + timedelta(days=2) if order == POSTPONED else soon
        about = {"cents": CENTS[order], "pay_at": due.isoformat()}
        if order in REMINDED:
            about["email"] = REMINDED[order]
        _tell(shown, order, "placed", "planned", **about)
        progress.say(f"order {order} placed")
    _tell(shown, POSTPONED, "postponed", "moved", pay_at=soon.isoformat())
    _tell(shown, WITHDRAWN, "withdrawn", "cancelled")
    progress.say(f"{len(CENTS)} placed, {POSTPONED} moved, {WITHDRAWN} cancelled; payments are due {soon:%H:%M:%S} UTC")


def reminded(shown: Shown, endpoint: str, progress: Progress) -> list[dict[str, Any]]:
    """Wait for the reminders. Return the mails that the local cloud has."""
    for order in REMINDED:
        _succeeded(_follow(shown, "remind_by_email", planned_id(order)))
    with urlopen(f"{endpoint}{MAILS}", timeout=30) as answer:
        mails = sorted(json.load(answer)["mails"], key=lambda mail: str(mail["to"][0]))
    if [mail["to"][0] for mail in mails] != list(REMINDED.values()):
        raise OperationError(f"{len(mails)} mails were sent, where there should be one to each of {len(REMINDED)}")
    progress.say(f"{len(mails)} mails: {', '.join(mail['to'][0] for mail in mails)}")
    return mails


def captured(shown: Shown, payments: Payments, progress: Progress) -> None:
    """Wait for the payments. Raise OperationError unless two orders were charged once each, and the third was not."""
    for order in (FIRST, POSTPONED):
        _succeeded(_follow(shown, "capture_payment", planned_id(order)))
    withdrawn = once_of(shown.clients, shown.deployment).get("capture_payment", WITHDRAWN)
    charges = payments.charges()
    if {charge.order for charge in charges} != {FIRST, POSTPONED} or payments.charged_twice():
        raise OperationError(f"the payment service has charged {', '.join(charge.order for charge in charges)}")
    requests = sum(charge.requests for charge in charges)
    progress.say(
        f"{len(charges)} captured by {requests} requests, nothing charged twice; {WITHDRAWN}: {withdrawn.status}"
    )


def _tell(shown: Shown, order: str, what: str, expected: str, **about: Any) -> None:
    now = clock.now()
    given = {"order": order, "what": what, **about}
    name = ulid(clock.now_ms(), SYSTEM)
    told = trigger(shown.clients, shown.deployment, "checkout", now=now, ulid=name, input=given)
    row = _follow(shown, "checkout", told.occurrence)
    _succeeded(row)
    if row.result["payment"] != expected:
        raise OperationError(f"order {order} was {what}, and its payment is {row.result['payment']}, not {expected}")


def _follow(shown: Shown, job: str, occurrence: str) -> Row:
    dynamodb = shown.clients("dynamodb")
    return follow(dynamodb, shown.deployment, job, occurrence, clock=clock.now, sleep=clock.sleep, patience=PATIENCE)


def _succeeded(row: Row) -> None:
    if row.status != "succeeded":
        raise OperationError(f"{row.occurrence} of {row.job} is {row.status}: {row.error or row.reason}")
