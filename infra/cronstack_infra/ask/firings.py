"""Questions about when EventBridge Scheduler fires a schedule. Its target is a queue, whose SentTimestamp is AWS's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack_infra.ask.question import Answer, number
from cronstack_infra.ask.sandbox import Sandbox, at

MANY: Final = 12
"""Schedules for one measurement."""
SETTLE: Final = 90.0
"""Seconds in which a firing must have come: a minute, and what is needed to deliver it."""


def _delays(sandbox: Sandbox) -> list[float]:
    """Return how long after its instant each of some one-time schedules came, in seconds."""

    def measure() -> list[float]:
        url, arn = sandbox.queue()
        due = sandbox.ahead(150)
        for number_ in range(MANY):
            instant = due + timedelta(seconds=5 * number_)
            sandbox.schedule(at(instant), arn, f'"{instant.isoformat()}"')
        sandbox.say(f"waiting for {MANY} firings from {due:%H:%M} UTC on")
        sandbox.sleep(max(0.0, (due - sandbox.now()).total_seconds() + 5 * MANY))
        came = sandbox.messages(url, MANY, SETTLE)
        return [(one.sent - datetime.fromisoformat(one.body.strip('"'))).total_seconds() for one in came]

    found: list[float] = sandbox.shared("delays", measure)
    return found


def spread(sandbox: Sandbox) -> Answer:
    delays = [round(one, 2) for one in _delays(sandbox)]
    most = max(delays, default=0.0)
    said = f"{len(delays)} firings came {min(delays, default=0):g} to {most:g} s after their instants."
    return Answer(said, f"spread={number(most if most >= 1 else 0)}", {"seconds": delays})


def early(sandbox: Sandbox) -> Answer:
    delays = [round(one, 2) for one in _delays(sandbox)]
    soonest = -min(delays, default=0.0)
    before = [one for one in delays if one < 0]
    said = f"{len(before)} of {len(delays)} firings came before their instants, by {number(soonest)} s at most."
    return Answer(said, f"early={number(soonest if soonest >= 1 else 0)}", {"seconds": delays})


def scheduled_time(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    due = sandbox.ahead(120)
    for _ in range(MANY):
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 2}
        sandbox.schedule(at(due), arn, '"<aws.scheduler.scheduled-time>"', FlexibleTimeWindow=window)
    sandbox.say(f"waiting for {MANY} firings in the two minutes from {due:%H:%M} UTC on")
    sandbox.sleep(max(0.0, (due - sandbox.now()).total_seconds() + 120))
    came = sandbox.messages(url, MANY, SETTLE)
    late = [one for one in came if (one.sent - due).total_seconds() >= 2]
    told = sorted({one.body.strip('"') for one in came})
    nominal = f"{due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    facts = {"scheduled": nominal, "told": told, "came": [(one.sent - due).total_seconds() for one in came]}
    if not late:
        return Answer("No firing came late enough to tell the two times apart.", "", facts)
    if told == [nominal]:
        return Answer("Each event told the time of its schedule, whenever it came.", "scheduled-time=nominal", facts)
    return Answer("Events told the time at which they were sent.", "scheduled-time=actual", facts)


def rate_first_firing(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    sandbox.schedule("rate(5 minutes)", arn)
    came = sandbox.messages(url, 1, SETTLE)
    if came:
        return Answer("A rate() fired when it was created.", "rate-starts-at-once=true", {"firings": len(came)})
    return Answer(f"A rate() did not fire within {SETTLE:g} s of its creation.", "rate-starts-at-once=false")


def rate_anchor(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    given = sandbox.parameters("rate(5 minutes)", arn)
    sandbox.create(**given, patience=120)
    first = sandbox.messages(url, 1, 300 + SETTLE)
    if not first:
        return Answer("The rate() has not fired at all.")
    changed = first[0].sent + timedelta(seconds=120)
    sandbox.sleep(max(0.0, (changed - sandbox.now()).total_seconds()))
    sandbox.clients("scheduler").update_schedule(**given)
    updated = sandbox.now()
    sandbox.say("waiting for the next firing, up to nine minutes")
    after = [one for one in sandbox.messages(url, 1, 450 + SETTLE) if one.sent >= first[0].sent]
    if not after:
        return Answer("The rate() has not fired again.")
    gap = (after[0].sent - first[0].sent).total_seconds()
    facts = {"gap": round(gap, 1), "updated_after": round((updated - first[0].sent).total_seconds(), 1)}
    if 230 <= gap <= 370:
        said = "A rate() that was updated to the same kept its grid."
        return Answer(said, "rate-anchor=kept", facts)
    return Answer("A rate() that was updated to the same began anew.", "rate-anchor=update", facts)


def same_at(sandbox: Sandbox) -> Answer:
    url, arn = sandbox.queue()
    given = sandbox.parameters(at(sandbox.now() + timedelta(seconds=60)), arn)
    sandbox.create(**given, patience=50)
    if not sandbox.messages(url, 1, 60 + SETTLE):
        return Answer("The at() has not fired at all.")
    facts: dict[str, Any] = {}
    client = sandbox.clients("scheduler")
    try:
        client.update_schedule(**given)
    except client.exceptions.ClientError as refusal:
        return Answer(f"The update to the same time was refused: {refusal}", "same-at-fires-again=false", facts)
    again = sandbox.messages(url, 1, SETTLE)
    if again:
        return Answer("An at() that had fired fired again after an update.", "same-at-fires-again=true", facts)
    return Answer("An at() that had fired did not fire again after an update.", "same-at-fires-again=false", facts)
