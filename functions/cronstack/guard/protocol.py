"""The guard: conditional writes around a handler. An occurrence runs once, alone, and is never lost.

    age?  ──▶ claim ──▶ handler ──▶ settle ──▶ acknowledge         claim   opens an attempt: one transaction
    early?    │                      │                             settle  closes it: one transaction
    too old   ├─▶ duplicate          ├─▶ retrying ──▶ carrier, due after the back-off ──▶ acknowledge
    refused   ├─▶ skipped            └─▶ dead ──▶ dead letter ──▶ "reported" ──▶ acknowledge
              ├─▶ missed ──▶ dead letter ──▶ "reported" ──▶ acknowledge
              ├─▶ buffered ──▶ carrier ──▶ acknowledge
              └─▶ early, waiting, outage ──▶ carrier ──▶ acknowledge (deferred)

The plan of a key is started first (``begin``): one more write, to the plan, before the claim.

The guard does no IO. ``deliver`` is a generator of requests (see ``steps``): a ``Call`` to the ledger, the dead letters
or Scheduler, a ``Sleep``, the handler's ``Work``. Time and random numbers come from ``Host``. So the code that runs in
Lambda is the code that a simulator interleaves at every request.

Invariants
  - One claim decides identity and overlap at once. Each claim writes a higher fence and a new holder. Every later write
    is conditional on that holder, so an attempt without the lease can neither complete, renew nor release.
  - A run is ``running`` exactly while the lease names it. ``succeeded`` and ``skipped`` never change; ``dead`` and
    ``missed`` only by a redrive, and ``missed`` also when its key is planned again.
  - A ``dead`` or ``missed`` run has a dead letter, until its key is planned again.
  - ``attempt`` counts committed claims. Every write of the next number has the last one in its condition.
  - An event is acknowledged only when its occurrence is final or a carrier will bring it back. Faults raise, and
    Lambda delivers again. Waiting never raises: it must not use up one of Lambda's three tries.
  - At most one occurrence is ``buffered``, and the lease's slot names it.
  - A handler's commit is written together with ``succeeded``, or not at all.
  - Fail closed: without a claim whose answer is known, the handler does not run.
  - No handler starts before its due time, less the margin, except for an operator's event.
  - Only AWS's answers show the time at AWS. It decides whether a lease has ended, and whether an event is early. A
    lease that a slow clock has stored too short is extended before the handler starts.

Pause: an operator's attribute of the lease row. While a job is paused, none of its attempts begins
  - A first start becomes ``skipped``, reason ``paused``, also from the slot; a plan becomes ``skipped`` and has no run.
    Nothing catches up by itself, as in Temporal and Airflow (without catch-up): after a pause of a week, an operator
    decides what still makes sense.
  - What has started waits: a handler ends, but a retry, a takeover and a begun plan are deferred until the resume, and
    use up no attempt. Kubernetes and Temporal let started work go on. Here a retry is a new run of the handler: an
    operator pauses because it does damage, or because what it needs is down, and both are reasons to retry nothing.
    Such work must not end either: it is half done, and its event is the only one. So a carrier checks every 5 minutes.
  - An operator's event needs ``while_paused``. Without it, a trigger or a backfill is skipped, and a redrive waits: its
    dead letter is deleted already. Airflow queues a manual run of a paused DAG without a word, which looks like a hang.
  - With a lease, the claim's condition decides: no claim is stored between a pause and its resume. Without a lease
    (overlap "allow", a key) the delivery reads the lease row before its claim: one more request, where a transaction
    with that row would cost four times the write units. A claim whose read came before the pause may still be stored.

Crash points (killed after the numbered step, the next delivery finds …)
  1  before the claim is stored        nothing, or a retrying run: it claims
  2  claim stored, handler not started a running run: waits, takes it over after lease and margin; the attempt counts
  3  within the handler, or after its effect, before the settlement: as 2. An effect outside the commit may run twice.
     Lambda delivers three times: from the second attempt on, the next one has a carrier before the handler starts
  4  settled, not acknowledged         succeeded: duplicate
  5  settled as retrying, no carrier   retrying: makes that carrier, under the same name
  6  settled as dead, letter not sent  dead and unreported: after lease and margin it sends the letter
  7  letter sent, not recorded         as 6: a second copy of the letter, with the same id
  8  buffered, no carrier              buffered: claims, or makes the carrier; so does the next newcomer (slot full)
  9  missed, letter not sent           as 6
A lost answer is not a crash: the same bytes are sent again with the same token. If the token has expired, the refusal
shows our own holder in the old item.
"""

from __future__ import annotations

import json
from typing import Final

from cronstack.errors import LeaseLost, Unavailable
from cronstack.guard.attempt import Attempt
from cronstack.guard.claim import admit
from cronstack.guard.deferral import arm, arm_next_attempt, defer_for_outage
from cronstack.guard.delivery import TIME_TO_RAISE, Delivery, Grant, Outcome, Terms
from cronstack.guard.due import EARLY, sleep_until_due
from cronstack.guard.letters import LETTER_DEFERRED, PERMANENT, RETRIES_EXHAUSTED, report
from cronstack.ledger import run_requests
from cronstack.ledger.rows import RunItem
from cronstack.steps import Failed, Host, Refused, Steps, Succeeded, Work, send
from cronstack.timing.aws_clock import MAX_DATE_LAG

CRASHED: Final = {
    "type": "Crashed",
    "message": "the last attempt ended without a result, or never started: timeout, memory or a killed process",
}
NO_TIME_PAUSE: Final = 1.0
"""Seconds before the next attempt after ``NO_TIME``: the handler did not fail, so no back-off is needed."""
NO_TIME: Final = '{"type":"NoTimeLeft","message":"the claim took so long that the handler was not started"}'


def deliver(terms: Terms, host: Host) -> Steps[Outcome]:
    """Handle one event, from its claim to its acknowledgement.

    Raise EventError (refuse it: too old, another input), OutOfTime and Unavailable (not acknowledged: Lambda delivers
    it again), LeaseLost (another attempt took over: nothing is released or acknowledged).
    """
    delivery = Delivery(terms, host)
    try:
        ready = yield from _prepare(delivery)
    except Unavailable as fault:
        return (yield from defer_for_outage(delivery, fault))
    if isinstance(ready, Outcome):
        return ready
    return (yield from _work(delivery, ready))


def _prepare(delivery: Delivery) -> Steps[Attempt | Outcome]:
    """Do all steps before the handler. An Outcome: this delivery ends without it. Raise as ``deliver``."""
    admitted = yield from admit(delivery)
    if isinstance(admitted, Outcome):
        return admitted
    attempt = Attempt(delivery, admitted)
    if admitted.attempt > admitted.limit:
        return (yield from _die(delivery, attempt, _crashed(delivery.seen.run), RETRIES_EXHAUSTED))
    if attempt.is_short:  # first: a clock that is minutes behind has stored a lease that has ended already
        yield from attempt.extend()
    if delivery.after_crash:
        yield from arm_next_attempt(delivery, attempt.grant)
    if (early := delivery.early()) > 0 and not (yield from sleep_until_due(delivery, early)):
        return (yield from _give_back(delivery, attempt))
    if attempt.has_waited:  # the delivery has slept, or Scheduler was slow
        yield from attempt.extend()
    if not _may_start(delivery, attempt.grant):  # last, because the steps above take time
        return (yield from _retry(delivery, attempt, Failed(NO_TIME, after=NO_TIME_PAUSE)))
    return attempt


def _work(delivery: Delivery, attempt: Attempt) -> Steps[Outcome]:
    """Run the handler, and close the attempt with its result. Raise LeaseLost, Unavailable."""
    admitted = attempt.grant
    delivery.handler_started = True
    answer = yield Work(admitted.attempt, admitted.fence, admitted.limit, admitted.checkpoint, attempt)
    if attempt.committed:
        note = "" if isinstance(answer, Succeeded) else "the handler failed after its commit"
        return Outcome("succeeded", admitted.attempt, admitted.fence, note=note)
    if attempt.doubt is not None:
        raise attempt.doubt  # settled or not: the next delivery finds out
    if isinstance(answer, Succeeded):
        lost = yield from _settle(delivery, attempt, delivery.closing("succeeded", result=answer.result))
        return lost or _outcome(attempt, "succeeded")
    if answer.permanent:
        return (yield from _die(delivery, attempt, answer.error, PERMANENT))
    return (yield from _retry(delivery, attempt, answer))


def _may_start(delivery: Delivery, grant: Grant) -> bool:
    """Return whether the lease and the time are enough: a token may be replayed, and a sandbox may have been frozen."""
    end = grant.expires - int(delivery.terms.knobs.grace * 1000)
    return delivery.host.clock.latest() - MAX_DATE_LAG < end and delivery.host.left() >= delivery.least_time


def _retry(delivery: Delivery, attempt: Attempt, failed: Failed) -> Steps[Outcome]:
    """Record a failed attempt: make the carrier of the next one, or send the dead letter after the last one."""
    grant = attempt.grant
    if grant.attempt >= grant.limit:
        return (yield from _die(delivery, attempt, failed.error, RETRIES_EXHAUSTED))
    pause = failed.after if failed.after is not None else _backoff(delivery, grant)
    after = delivery.host.now() + int(1000 * pause)
    closing = delivery.closing("retrying", error=failed.error)._replace(after=after)
    lost = yield from _settle(delivery, attempt, closing)
    if lost is not None:
        return lost
    yield from arm(delivery, delivery.holder, after)
    return _outcome(attempt, "retrying")


def _give_back(delivery: Delivery, attempt: Attempt) -> Steps[Outcome]:
    """Give back an attempt that a clock that is ahead has claimed before the due time. The attempt does not count."""
    due = delivery.terms.occurrence.due
    closing = delivery.closing("retrying", EARLY)._replace(after=due, limit=attempt.grant.limit + 1)
    lost = yield from _settle(delivery, attempt, closing)
    if lost is not None:
        return lost
    yield from arm(delivery, delivery.holder, due)
    return _outcome(attempt, "deferred", EARLY)


def _backoff(delivery: Delivery, grant: Grant) -> float:
    """Return the pause in seconds: it doubles each time, with up to a tenth of jitter.

    A redrive adds the same number of attempts, and starts with the short pause again.
    """
    knobs, since_redrive = delivery.terms.knobs, grant.attempt - (grant.limit - delivery.terms.limit)
    pause: float = min(knobs.longest_backoff, knobs.backoff * 2 ** min(max(since_redrive, 1) - 1, 30))
    return pause * (1 + delivery.host.randomness.random() / 10)


def _die(delivery: Delivery, attempt: Attempt, error: str, condition: str) -> Steps[Outcome]:
    grant = attempt.grant
    lost = yield from _settle(delivery, attempt, delivery.closing("dead", condition, error=error))
    if lost is not None:
        return lost
    run = RunItem(
        "dead",
        holder=delivery.holder,
        attempt=grant.attempt,
        expires=grant.expires,
        error=error,
        revision=delivery.terms.occurrence.revision or 0,
    )
    deferred = yield from report(delivery, run, condition)
    note = "" if deferred is None else LETTER_DEFERRED
    return _outcome(attempt, "dead", condition)._replace(note=note)


def _crashed(run: RunItem | None) -> str:
    """Return the error of an attempt without a result, with the stored error of an earlier attempt."""
    earlier = json.loads(run.error) if run is not None and run.error else {}
    if not earlier or earlier.get("type") == "Crashed":
        return json.dumps(CRASHED)
    message = f"{CRASHED['message']}; an earlier one: {earlier.get('type')}: {earlier.get('message')}"
    return json.dumps(CRASHED | {"message": message})


def _outcome(attempt: Attempt, status: str, reason: str = "") -> Outcome:
    return Outcome(status, attempt.grant.attempt, attempt.grant.fence, reason)


def _settle(delivery: Delivery, attempt: Attempt, closing: run_requests.Closing) -> Steps[Outcome | None]:
    """Close the attempt. Not None: another attempt had closed the run."""
    answer = yield from send(run_requests.settle(closing, delivery.next_settle()), delivery.host, reserve=TIME_TO_RAISE)
    return (yield from _judge(delivery, answer, closing.status)) if isinstance(answer, Refused) else None


def _judge(delivery: Delivery, refused: Refused, status: str) -> Steps[Outcome | None]:
    """Interpret a refused settlement. None: it shows our own settlement, whose answer was lost."""
    condition = refused.conditions[0]
    run = None if condition.held else (yield from delivery.shown_run(condition.item))
    if run is not None and run.holder == delivery.holder and run.status == status:
        return None
    if run is not None and run.status == "succeeded":
        return Outcome("duplicate", reason=run.status, note="effect may have run twice")
    raise LeaseLost(
        f"{delivery.claimant.occurrence} of {delivery.terms.occurrence.job}: this attempt lost its lease, so it could"
        f" not be recorded as {status}",
        remedy="Its effect may run again: make it idempotent by run.key, or give the job more time.",
    )
