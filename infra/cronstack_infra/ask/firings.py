"""Questions about when EventBridge Scheduler fires a schedule. Its target is a queue: SQS sets SentTimestamp."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack_infra.ask.question import Observation, number
from cronstack_infra.ask.temporary_resources import TemporaryResources, at

MANY: Final = 12
"""Schedules for one measurement."""
SETTLE: Final = 90.0
"""Seconds within which a firing must arrive: a minute, and the time for its delivery."""


def _delays(resources: TemporaryResources) -> list[float]:
    """Return the delays in seconds of several one-time schedules after their instants."""

    def measure() -> list[float]:
        url, arn = resources.queue()
        due = resources.ahead(150)
        for index in range(MANY):
            instant = due + timedelta(seconds=5 * index)
            resources.schedule(at(instant), arn, f'"{instant.isoformat()}"')
        resources.progress(f"waiting for {MANY} firings from {due:%H:%M} UTC on")
        resources.sleep(max(0.0, (due - resources.now()).total_seconds() + 5 * MANY))
        received = resources.messages(url, MANY, SETTLE)
        return [(firing.sent - datetime.fromisoformat(firing.body.strip('"'))).total_seconds() for firing in received]

    delays: list[float] = resources.shared("delays", measure)
    return delays


def spread(resources: TemporaryResources) -> Observation:
    delays = [round(delay, 2) for delay in _delays(resources)]
    most = max(delays, default=0.0)
    text = f"{len(delays)} firings came {min(delays, default=0):g} to {most:g} s after their instants."
    return Observation(text, f"spread={number(most if most >= 1 else 0)}", {"seconds": delays})


def early(resources: TemporaryResources) -> Observation:
    delays = [round(delay, 2) for delay in _delays(resources)]
    soonest = -min(delays, default=0.0)
    before = [delay for delay in delays if delay < 0]
    text = f"{len(before)} of {len(delays)} firings came before their instants, by {number(soonest)} s at most."
    return Observation(text, f"early={number(soonest if soonest >= 1 else 0)}", {"seconds": delays})


def scheduled_time(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    due = resources.ahead(120)
    for _ in range(MANY):
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 2}
        resources.schedule(at(due), arn, '"<aws.scheduler.scheduled-time>"', FlexibleTimeWindow=window)
    resources.progress(f"waiting for {MANY} firings in the two minutes from {due:%H:%M} UTC on")
    resources.sleep(max(0.0, (due - resources.now()).total_seconds() + 120))
    received = resources.messages(url, MANY, SETTLE)
    late = [firing for firing in received if (firing.sent - due).total_seconds() >= 2]
    times = sorted({firing.body.strip('"') for firing in received})
    nominal = f"{due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    delays = [(firing.sent - due).total_seconds() for firing in received]
    facts = {"scheduled": nominal, "in events": times, "came": delays}
    if not late:
        return Observation("No firing came late enough to distinguish the two times.", "", facts)
    if times == [nominal]:
        return Observation(
            "Each event contained the time of its schedule, whenever it came.", "scheduled-time=nominal", facts
        )
    return Observation("Events contained the time at which they were sent.", "scheduled-time=actual", facts)


def rate_first_firing(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    resources.schedule("rate(5 minutes)", arn)
    received = resources.messages(url, 1, SETTLE)
    if received:
        return Observation(
            "A rate() fired when it was created.", "rate-starts-at-once=true", {"firings": len(received)}
        )
    return Observation(f"A rate() did not fire within {SETTLE:g} s of its creation.", "rate-starts-at-once=false")


def rate_anchor(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    request = resources.parameters("rate(5 minutes)", arn)
    resources.create(**request, patience=120)
    first = resources.messages(url, 1, 300 + SETTLE)
    if not first:
        return Observation("The rate() has not fired at all.")
    changed = first[0].sent + timedelta(seconds=120)
    resources.sleep(max(0.0, (changed - resources.now()).total_seconds()))
    resources.clients("scheduler").update_schedule(**request)
    updated = resources.now()
    resources.progress("waiting for the next firing, up to nine minutes")
    after = [firing for firing in resources.messages(url, 1, 450 + SETTLE) if firing.sent >= first[0].sent]
    if not after:
        return Observation("The rate() has not fired again.")
    gap = (after[0].sent - first[0].sent).total_seconds()
    facts = {"gap": round(gap, 1), "updated_after": round((updated - first[0].sent).total_seconds(), 1)}
    if 230 <= gap <= 370:
        text = "A rate() that was updated without a change kept its grid."
        return Observation(text, "rate-anchor=kept", facts)
    return Observation("A rate() that was updated without a change restarted its grid.", "rate-anchor=update", facts)


def same_at(resources: TemporaryResources) -> Observation:
    url, arn = resources.queue()
    request = resources.parameters(at(resources.now() + timedelta(seconds=60)), arn)
    resources.create(**request, patience=50)
    if not resources.messages(url, 1, 60 + SETTLE):
        return Observation("The at() has not fired at all.")
    facts: dict[str, Any] = {}
    client = resources.clients("scheduler")
    try:
        client.update_schedule(**request)
    except client.exceptions.ClientError as refusal:
        return Observation(f"The update to the same time was refused: {refusal}", "same-at-fires-again=false", facts)
    again = resources.messages(url, 1, SETTLE)
    if again:
        return Observation("An at() that had fired fired again after an update.", "same-at-fires-again=true", facts)
    return Observation("An at() that had fired did not fire again after an update.", "same-at-fires-again=false", facts)
