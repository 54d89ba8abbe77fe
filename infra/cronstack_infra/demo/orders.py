"""Three orders of the demo. Their checkout schedules, moves and cancels payments; the demo checks the results.

1    due in twenty seconds; the payment service charges and answers with an error, so the job sends the request again
2    due in two days, then moved to the time of order 1
3    due in twenty seconds, then cancelled: it is not charged
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
from cronstack_infra.ops.runs import RunRow, follow
from cronstack_infra.ops.trigger import trigger

if TYPE_CHECKING:
    from cronstack_infra.demo.stages import Shown
    from cronstack_infra.progress import Progress

SOON: Final = timedelta(seconds=20)
"""Delay of the payments. A schedule must be at least 15 s ahead."""
FIRST, POSTPONED, CANCELLED = "4711", "4712", "4713"
CENTS: Final = {FIRST: 1999, POSTPONED: 4950, CANCELLED: 120_00}
REMINDED: Final = {FIRST: "ann@example.com", POSTPONED: "bob@example.com"}
PATIENCE: Final = 90.0
"""Seconds to wait for one run to end."""


def stumbles(order: str, number: int) -> bool:
    """Return whether the payment service charges but answers with an error: once, for the first order."""
    return order == FIRST and number == 1


def place(shown: Shown, progress: Progress) -> None:
    """Place the three orders at the checkout, then change two of them."""
    soon = clock.now().replace(microsecond=0) + SOON
    for order in CENTS:
        due = soon + timedelta(days=2) if order == POSTPONED else soon
        fields = {"cents": CENTS[order], "pay_at": due.isoformat()}
        if order in REMINDED:
            fields["email"] = REMINDED[order]
        _check_out(shown, order, "placed", "planned", **fields)
        progress.update(f"order {order} placed")
    _check_out(shown, POSTPONED, "postponed", "moved", pay_at=soon.isoformat())
    _check_out(shown, CANCELLED, "withdrawn", "cancelled")
    progress.update(
        f"{len(CENTS)} placed, {POSTPONED} moved, {CANCELLED} cancelled; payments are due {soon:%H:%M:%S} UTC"
    )


def reminded(shown: Shown, endpoint: str, progress: Progress) -> list[dict[str, Any]]:
    """Wait for the reminders. Return the mails that were sent in the local cloud."""
    for order in REMINDED:
        _require_success(_follow(shown, "remind_by_email", planned_id(order)))
    with urlopen(f"{endpoint}{MAILS}", timeout=30) as answer:
        mails = sorted(json.load(answer)["mails"], key=lambda mail: str(mail["to"][0]))
    if [mail["to"][0] for mail in mails] != list(REMINDED.values()):
        raise OperationError(f"{len(mails)} mails were sent, expected one to each of {len(REMINDED)} customers")
    progress.update(f"{len(mails)} mails: {', '.join(mail['to'][0] for mail in mails)}")
    return mails


def captured(shown: Shown, payments: Payments, progress: Progress) -> None:
    """Wait for the payments. Raise OperationError unless exactly two orders were charged, once each."""
    for order in (FIRST, POSTPONED):
        _require_success(_follow(shown, "capture_payment", planned_id(order)))
    plan = once_of(shown.clients, shown.deployment).get("capture_payment", CANCELLED)
    charges = payments.charges()
    if {charge.order for charge in charges} != {FIRST, POSTPONED} or payments.charged_twice():
        raise OperationError(f"the payment service has charged {', '.join(charge.order for charge in charges)}")
    requests = sum(charge.requests for charge in charges)
    progress.update(
        f"{len(charges)} captured by {requests} requests, nothing charged twice; {CANCELLED}: {plan.status}"
    )


def _check_out(shown: Shown, order: str, what: str, expected: str, **fields: Any) -> None:
    now = clock.now()
    event = {"order": order, "what": what, **fields}
    name = ulid(clock.now_ms(), SYSTEM)
    sent = trigger(shown.clients, shown.deployment, "checkout", now=now, ulid=name, input=event)
    row = _follow(shown, "checkout", sent.occurrence)
    _require_success(row)
    if row.result["payment"] != expected:
        raise OperationError(f"order {order} was {what}, but its payment is {row.result['payment']}, not {expected}")


def _follow(shown: Shown, job: str, occurrence: str) -> RunRow:
    dynamodb = shown.clients("dynamodb")
    return follow(dynamodb, shown.deployment, job, occurrence, clock=clock.now, sleep=clock.sleep, patience=PATIENCE)


def _require_success(row: RunRow) -> None:
    if row.status != "succeeded":
        raise OperationError(f"{row.occurrence} of {row.job} is {row.status}: {row.error or row.reason}")
