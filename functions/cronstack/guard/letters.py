"""The dead letter of a run: one for each death and each miss, whatever is killed on the way, and what it looks like.

A run that is dead or missed holds its letter until ``reported`` is noted. Its holder sends while its lease lasts;
whoever finds it unreported after lease and margin claims the sending, sends and notes; who comes earlier comes back by
a carrier. The letter has the shape of Lambda's own on-failure record, so that one reader serves both; its id
``<job>/<occurrence>/<attempt>`` tells copies apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cronstack.guard.deferral import after_holder
from cronstack.guard.delivery import FIRST_LOOK, TIME_TO_TELL, Delivery, Outcome
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
"""The reason of what is missed."""


class Sender(NamedTuple):
    """The function and the event that a letter speaks of."""

    event: object
    function_arn: str
    request_id: str

    def body(self, condition: str, attempt: int, error: str, *, now: int, about: Mapping[str, Any]) -> str:
        """Lambda's destination record, version 1.0, and under "cronstack" what ours adds."""
        arn = self.function_arn
        told = json.loads(error) if error else {}
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
                "errorMessage": told.get("message", ""),
                "errorType": told.get("type", ""),
                "requestId": self.request_id,
                "stackTrace": told.get("trace", []),
            },
            "cronstack": dict(about),
        }
        try:
            text = json.dumps(record, default=repr, allow_nan=False, ensure_ascii=False)
            text.encode()
            return text
        except (ValueError, RecursionError):  # only an event that was refused for it can be no JSON
            return json.dumps(record | {"requestPayload": ascii(self.event)[:1000]})


def letter_id(job: str, occurrence: str, attempt: int, revision: int | None = None) -> str:
    """Return the id. ``revision``: of the plan, for a miss. A key can be missed, planned anew and missed again."""
    return f"{job}/{occurrence}/{attempt}" + ("" if revision is None else f"/{revision}")


def post(queue: str, body: str, host: Host, *, reserve: float = TIME_TO_TELL) -> Steps[None]:
    """Send a letter: of a refused event, for which there is no run, or of one that we hold."""
    yield from send(Call("SendMessage", {"QueueUrl": queue, "MessageBody": body}), host, reserve=reserve)


def missed(delivery: Delivery) -> run_requests.Closing:
    """The values of a run that is too late to start. They hold its lease, for the letter that is sent next."""
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
    """Send the letter of what was just recorded as missed."""
    revision, expires = closing.occurrence.revision or 0, closing.expires or 0
    run = RunItem("missed", holder=delivery.holder, expires=expires, error=closing.error, revision=revision)
    put_off = yield from report(delivery, run, MISSED)
    note = "" if put_off is None else LETTER_DEFERRED
    return Outcome("missed", reason=TOO_LATE, note=note)


def report(delivery: Delivery, run: RunItem, condition: str) -> Steps[Outcome | None]:
    """Send the one dead letter of ``run``, whose holder we are, and note it. Not None: it is put off.

    Only while the lease lasts: afterwards another may be sending it.
    """
    latest = delivery.host.clock.latest()
    if latest >= run.expires:
        return (yield from after_holder(delivery, run, "unreported"))
    terms = delivery.terms
    left = (run.expires - latest) / 1000  # of the lease, which a job may have asked to be short
    reserve = max(delivery.reserve, delivery.host.left() - left)
    yield from post(terms.dead_letters, terms.letter(condition, run.attempt, run.error), delivery.host, reserve=reserve)
    job, occurrence = terms.occurrence.job, terms.occurrence.id
    noted = run_requests.reported(terms.table, job, occurrence, delivery.holder, delivery.host.now())
    answer = yield from send(noted, delivery.host, reserve=delivery.reserve)
    if isinstance(answer, Refused):
        found = yield from delivery.shown_run(answer.conditions[0].item)
        if found is not None and found.holder != delivery.holder and _state(found) == _state(run):
            return (yield from see_to_letter(delivery, found))
    return None


def see_to_letter(delivery: Delivery, run: RunItem) -> Steps[Outcome | None]:
    """Found dead or missed, and unreported: its holder may still send the letter; when it cannot any more, we do.

    None: it is out, or the run is so no more.
    """
    pause, as_seen, job = FIRST_LOOK, _state(run), delivery.terms.occurrence.job
    condition = MISSED if run.status == "missed" else run.reason
    found: RunItem | None = run
    while found is not None and _state(found) == as_seen and not found.reported:
        if found.holder == delivery.holder:  # our claim of the letter was stored and its answer lost
            return (yield from report(delivery, found, condition))
        if not delivery.has_passed(found.expires):
            if not delivery.may_wait():
                return (yield from after_holder(delivery, found, "unreported"))
            pause = yield from delivery.pause(pause)
            found = yield from delivery.look_at_run()
            continue
        if delivery.rounds <= 0:  # others are in the way, or somebody has changed the row by hand
            return (yield from after_holder(delivery, found, "unreported"))
        delivery.rounds -= 1
        expires = delivery.lease_end(delivery.host.clock.latest())
        call = run_requests.claim_letter(delivery.terms.table, job, found, delivery.holder, expires)
        answer = yield from send(call, delivery.host, reserve=delivery.reserve)
        if isinstance(answer, Done):
            return (yield from report(delivery, found._replace(expires=expires), condition))
        found = yield from delivery.shown_run(answer.conditions[0].item)
    return None


def _state(run: RunItem) -> tuple[str, int, int]:
    """What is the same in a run for as long as the letter is the same."""
    return run.status, run.attempt, run.revision
