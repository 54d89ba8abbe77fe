"""Application code that schedules: an order is placed and will be paid for later, is postponed, or is withdrawn.

A job without a schedule: whatever takes the shop's orders invokes it. Any other Lambda function would do, or a server
with the same rights; these are one line in ``infra/example_resources.py``, ``stack.grant_schedule(…)``.

    cronstack trigger checkout --input '{"order": "4711", "cents": 1999, "pay_at": "2027-03-28T09:00:00+02:00"}'

The order's number is the key. So a checkout that is told twice, or retried after a crash, schedules nothing twice; and
whoever has answered "cancelled" may rely on it: nothing is captured any more.
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
    """To be paid at ``pay_at``; who gave an address is reminded a day before, or now if that is past."""
    what: dict[str, Any] = {name: order[name] for name in ("order", "cents", "email") if name in order}
    try:
        plans = {"payment": once.schedule("capture_payment", key=order["order"], at=due(order), input=what, past="run")}
        if "email" in order:
            at = due(order) - DAY
            plans["reminder"] = once.schedule("remind_by_email", key=order["order"], at=at, input=what, past="run")
    except OnceConflict:  # We hear it for the second time, and meanwhile it was postponed or withdrawn: so it stays.
        return {"payment": "as it is"}
    return {name: plan.outcome for name, plan in plans.items()}


def postponed(order: dict[str, Any]) -> dict[str, str]:
    """ "too late" when it has been captured, or is being captured at this moment."""
    payment = once.move("capture_payment", order["order"], at=due(order), past="run")
    if payment.outcome in ("moved", "unchanged"):  # "unchanged": an attempt before this one died half-way.
        once.move("remind_by_email", order["order"], at=due(order) - DAY, past="run")
    return {"payment": payment.outcome}


def withdrawn(order: dict[str, Any]) -> dict[str, str]:
    payment = once.cancel("capture_payment", order["order"])
    if payment.outcome == "cancelled":
        once.cancel("remind_by_email", order["order"])
    return {"payment": payment.outcome}


def due(order: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(order["pay_at"])
