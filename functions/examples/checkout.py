"""Application code that schedules: an order is placed with a payment date, postponed, or withdrawn.

This job has no schedule: the shop invokes it for each order. Any other Lambda function could do the same, or a server
with the same permissions: one line in ``infra/example_resources.py``, ``stack.grant_schedule(…)``.

    cronstack trigger checkout --input '{"order": "4711", "cents": 1999, "pay_at": "2027-03-28T09:00:00+02:00"}'

The order's number is the key. So a checkout that is sent twice, or retried after a crash, schedules nothing twice. The
answer "cancelled" is reliable: no payment is captured after it.
"""

from datetime import datetime, timedelta
from typing import Any

from cronstack import OnceConflict, Run, job, once

DAY = timedelta(days=1)


@job(overlap="allow", timeout=30)
def checkout(run: Run) -> dict[str, object]:
    order, what = run.input, str(run.input.get("what", "placed"))
    answers = {"placed": placed, "postponed": postponed, "withdrawn": withdrawn}
    answer = {"order": order["order"], **answers[what](order)}
    run.log.info("order %s %s", order["order"], what, extra=answer)
    return answer


def placed(order: dict[str, Any]) -> dict[str, str]:
    """Schedule the payment at ``pay_at``, and a reminder a day before (now if that is past) if there is an address."""
    what: dict[str, Any] = {name: order[name] for name in ("order", "cents", "email") if name in order}
    try:
        plans = {"payment": once.schedule("capture_payment", key=order["order"], at=due(order), input=what, past="run")}
        if "email" in order:
            at = due(order) - DAY
            plans["reminder"] = once.schedule("remind_by_email", key=order["order"], at=at, input=what, past="run")
    except OnceConflict:  # A repeated order that was postponed or withdrawn meanwhile: keep that.
        return {"payment": "as it is"}
    return {name: plan.outcome for name, plan in plans.items()}


def postponed(order: dict[str, Any]) -> dict[str, str]:
    """Move the payment and the reminder. The outcome is "too late" if the capture has started."""
    payment = once.move("capture_payment", order["order"], at=due(order), past="run")
    if payment.outcome in ("moved", "unchanged"):  # "unchanged": an earlier attempt was killed in between.
        once.move("remind_by_email", order["order"], at=due(order) - DAY, past="run")
    return {"payment": payment.outcome}


def withdrawn(order: dict[str, Any]) -> dict[str, str]:
    payment = once.cancel("capture_payment", order["order"])
    if payment.outcome == "cancelled":
        once.cancel("remind_by_email", order["order"])
    return {"payment": payment.outcome}


def due(order: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(order["pay_at"])
