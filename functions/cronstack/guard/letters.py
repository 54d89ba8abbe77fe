"""The dead letter of a run: one for each death and each miss, even if an invocation is killed in between.

A dead or missed run has the attribute ``reported`` once its letter was sent. Its holder sends the letter while its
lease lasts. A delivery that finds no ``reported`` after lease and margin claims the sending, sends the letter and
records it; an earlier delivery makes a carrier. The letter has the format of Lambda's own on-failure record, so one
reader handles both. Its id ``<job>/<occurrence>/<attempt>`` identifies copies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cronstack.guard.deferral import after_holder
from cronstack.guard.delivery import FIRST_PAUSE, TIME_TO_RAISE, Delivery, Outcome
from cronstack.ledger import run_requests
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import print_instant, print_time, to_datetime
from cronstack.steps import Call, Done, Host, Refused, Steps, send

RETRIES_EXHAUSTED: Final = "RetriesExhausted"
PERMANENT: Final = "Permanent"
REFUSED: Final = "Refused"
MISSED: Final = "Missed"
LETTER_DEFERRED: Final = "its dead letter is left to a carrier"
TOO_LATE: Final = "too_late"
"""The reason of a missed run."""


class LetterSource(NamedTuple):
    """The function and the event of a letter."""

    event: object
    function_arn: str
    request_id: str

    def body(self, condition: str, attempt: int, error: str, *, now: int, about: Mapping[str, Any]) -> str:
        """Return Lambda's destination record, version 1.0, with Cronstack's own fields under "cronstack"."""
        arn = self.function_arn
        fault = json.loads(error) if error else {}
        record = {
            "version": "1.0",
            "timestamp": print_instant(to_datetime(now)),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": arn if arn.count(":") > 6 else f"{arn}:$LATEST",
                "condition": condition,
                "approximateInvokeCount": attempt,
            },
            "requestPayload": self.event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {
                "errorMessage": fault.get("message", ""),
                "errorType": fault.get("type", ""),
                "requestId": self.request_id,
                "stackTrace": fault.get("trace", []),
            },
            "cronstack": dict(about),
        }
        try:
            text = json.dumps(record, default=repr, allow_nan=False, ensure_ascii=False)
            text.encode()
            return text
        except (ValueError, RecursionError):  # an event that is not JSON, which was refused for this reason
            return json.dumps(record | {"requestPayload": ascii(self.event)[:1000]})


def letter_id(job: str, occurrence: str, attempt: int, revision: int | None = None) -> str:
    """Return the id. ``revision``: of a missed plan, because its key can be planned again and missed again."""
    return f"{job}/{occurrence}/{attempt}" + ("" if revision is None else f"/{revision}")


def post(queue: str, body: str, host: Host, *, reserve: float = TIME_TO_RAISE) -> Steps[None]:
    """Send a letter of a refused event, which has no run, or of a run that this delivery holds."""
    yield from send(Call("SendMessage", {"QueueUrl": queue, "MessageBody": body}), host, reserve=reserve)


def missed(delivery: Delivery) -> run_requests.Closing:
    """Return the values of a missed run. They include the lease for its letter, which is sent next."""
    of, terms = delivery.terms.occurrence, delivery.terms
    late = (delivery.host.now() - of.due) // 1000
    error = {
        "type": "Missed",
        "message": f"it could not start within {terms.start_deadline} s after {print_time(of.due)}, its due time: the"
        f" event came {late} s after it",
    }
    closing = delivery.closing("missed", TOO_LATE, error=json.dumps(error))
    return closing._replace(expires=delivery.lease_end(delivery.host.clock.latest()))


def report_missed(delivery: Delivery, closing: run_requests.Closing) -> Steps[Outcome]:
    """Send the letter of a run that this delivery has recorded as missed."""
    revision, expires = closing.occurrence.revision or 0, closing.expires or 0
    run = RunItem("missed", holder=delivery.holder, expires=expires, error=closing.error, revision=revision)
    deferred = yield from report(delivery, run, MISSED)
    note = "" if deferred is None else LETTER_DEFERRED
    return Outcome("missed", reason=TOO_LATE, note=note)


def report(delivery: Delivery, run: RunItem, condition: str) -> Steps[Outcome | None]:
    """Send the dead letter of ``run``, which this delivery holds, and record that. Not None: it is deferred.

    It is sent only while the lease lasts: afterwards another delivery may send it.
    """
    latest = delivery.host.clock.latest()
    if latest >= run.expires:
        return (yield from after_holder(delivery, run, "unreported"))
    terms = delivery.terms
    left = (run.expires - latest) / 1000  # of the lease, which may be short
    reserve = max(delivery.reserve, delivery.host.left() - left)
    yield from post(terms.dead_letters, terms.letter(condition, run.attempt, run.error), delivery.host, reserve=reserve)
    job, occurrence = terms.occurrence.job, terms.occurrence.id
    noted = run_requests.reported(terms.table, job, occurrence, delivery.holder, delivery.host.now())
    answer = yield from send(noted, delivery.host, reserve=delivery.reserve)
    if isinstance(answer, Refused):
        current = yield from delivery.shown_run(answer.conditions[0].item)
        if current is not None and current.holder != delivery.holder and _state(current) == _state(run):
            return (yield from ensure_letter(delivery, current))
    return None


def ensure_letter(delivery: Delivery, run: RunItem) -> Steps[Outcome | None]:
    """Ensure that a dead or missed run has its letter: wait for its holder to send it, then send it here.

    None: it was sent, or the status of the run has changed.
    """
    pause, as_seen, job = FIRST_PAUSE, _state(run), delivery.terms.occurrence.job
    condition = MISSED if run.status == "missed" else run.reason
    current: RunItem | None = run
    while current is not None and _state(current) == as_seen and not current.reported:
        if current.holder == delivery.holder:  # our claim of the letter was stored, but its answer was lost
            return (yield from report(delivery, current, condition))
        if not delivery.has_passed(current.expires):
            if not delivery.may_wait():
                return (yield from after_holder(delivery, current, "unreported"))
            pause = yield from delivery.pause(pause)
            current = yield from delivery.look_at_run()
            continue
        if delivery.rounds <= 0:  # contention, or the row was changed by hand
            return (yield from after_holder(delivery, current, "unreported"))
        delivery.rounds -= 1
        expires = delivery.lease_end(delivery.host.clock.latest())
        call = run_requests.claim_letter(delivery.terms.table, job, current, delivery.holder, expires)
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
        if isinstance(answer, Done):
            return (yield from report(delivery, current._replace(expires=expires), condition))
        current = yield from delivery.shown_run(answer.conditions[0].item)
    return None


def _state(run: RunItem) -> tuple[str, int, int]:
    """Return the values that identify the letter of a run."""
    return run.status, run.attempt, run.revision
