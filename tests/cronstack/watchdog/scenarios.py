"""One scenario for each cause: how the problem comes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from cronstack.occurrence import planned_id, print_time
from cronstack.watchdog.scene import Cause
from tests.cronstack.watchdog.place import DAY, HOUR, MINUTE, STACK, Place

ZONE = "Europe/Berlin"
ERROR = json.dumps({"type": "ParameterNotFound", "message": "the parameter /shop/supplier does not exist"})


class Scenario(NamedTuple):
    """A problem of the job ``import_prices``, unless ``of_stack``."""

    cause: Cause
    plant: Callable[[Place], None]
    solve: Callable[[Place], None]
    wait: int = 10 * MINUTE
    """Milliseconds after which the first pass finds it."""
    of_stack: bool = False
    passes: int = 1
    """Passes that are needed to be sure."""
    until_clear: int = 5 * MINUTE


JOB = "import_prices"


def _due(place: Place) -> int:
    """Return the last due time of the job: 05:10 UTC each day."""
    return place.now // DAY * DAY + 5 * HOUR + 10 * MINUTE


def _nothing(place: Place) -> None:
    """Leave the occurrence of 05:10 without a run."""


def _arrive(place: Place) -> None:
    place.run(JOB, _due(place), started=place.now, ended=place.now + 1000)


def _overrun(place: Place) -> None:
    due = _due(place)
    place.run(JOB, due, "running", expires=due + 15 * MINUTE)
    place.lease(JOB, holder="h", occurrence=f"t-{print_time(due)}", expires=due + 15 * MINUTE)


def _end(place: Place) -> None:
    place.run(JOB, _due(place))
    place.lease(JOB)


def _fail(place: Place) -> None:
    place.run(JOB, _due(place), "dead", error=ERROR, attempt=3)


def _abandon(place: Place) -> None:
    due = _due(place)
    place.run(JOB, due, "running")
    place.lease(JOB, holder="h", occurrence=f"t-{print_time(due)}", expires=due + 67_000)


def _buffer(place: Place) -> None:
    place.run(JOB, _due(place), "buffered", met="t-2026-11-29T05:10:00Z")


def _lose(place: Place) -> None:
    due = _due(place)
    place.run(JOB, due, "retrying", after=due + 2 * MINUTE)


def _plan(place: Place) -> None:
    place.deploy(JOB, "cron(10 6 * * ? *)", zone=ZONE, by_code=True, where="functions/jobs/import_prices.py:6")
    place.run(JOB, _due(place))
    place.plan(JOB, "order-4711", _due(place))


def _begin_plan(place: Place) -> None:
    place.plan(JOB, "order-4711", _due(place), "begun", begun=place.now)
    place.run(JOB, planned_id("order-4711"), key="order-4711")


def _letter(place: Place) -> None:
    place.deploy(JOB, "rate(100 days)", zone=ZONE)
    place.letter()


def _drop(place: Place) -> None:
    place.empty_queues()


def _pause(place: Place) -> None:
    by = json.dumps({"by": "arn:aws:iam::123456789012:user/ada", "reason": "the supplier migrates"})
    place.lease(JOB, paused=place.now, pause=by)
    place.deploy(JOB, "rate(100 days)", zone=ZONE)


def _delete(place: Place) -> None:
    place.run(JOB, _due(place))
    place.remove_schedules(JOB)


def _restore(place: Place) -> None:
    place.create(place.jobs[JOB], 1)


def _edit(place: Place) -> None:
    place.run(JOB, _due(place))
    place.edit(f"{STACK}-{JOB}.1", ScheduleExpression="cron(0 3 * * ? *)", State="DISABLED")


def _undo(place: Place) -> None:
    place.edit(f"{STACK}-{JOB}.1", ScheduleExpression="cron(10 6 * * ? *)", State="ENABLED")


def _wrong_clock(place: Place) -> None:
    due = _due(place)
    place.run(JOB, due, started=due + HOUR, ended=due + HOUR + 5000)


def _right_clock(place: Place) -> None:
    place.run(JOB, place.now // DAY * DAY + DAY + 5 * HOUR + 10 * MINUTE)


def _metric(name: str, value: float) -> Callable[[Place], None]:
    def put(place: Place) -> None:
        place.run(JOB, _due(place))
        place.metrics = {name: value}

    return put


def _no_metric(place: Place) -> None:
    place.metrics = {}


SCENARIOS = (
    Scenario("missed", _nothing, _arrive, wait=70 * MINUTE),
    Scenario("late", _nothing, _arrive),
    Scenario("overrunning", _overrun, _end),
    Scenario("failed", _fail, _end),
    Scenario("abandoned", _abandon, _end, wait=15 * MINUTE),
    Scenario("buffered", _buffer, _end, wait=15 * MINUTE),
    Scenario("lost-carrier", _lose, _end, wait=15 * MINUTE),
    Scenario("overdue-plan", _plan, _begin_plan),
    Scenario("dead-letters", _letter, _drop, of_stack=True, wait=5 * MINUTE),
    Scenario("paused", _pause, _end, wait=7 * DAY),
    Scenario("schedule-deleted", _delete, _restore, passes=2),
    Scenario("schedule-edited", _edit, _undo, passes=2),
    Scenario("clock", _wrong_clock, _right_clock, until_clear=DAY),
    Scenario("throttled", _metric("Throttles", 1234), _no_metric, until_clear=HOUR, wait=HOUR),
    Scenario("event-age", _metric("AsyncEventAge", 2_700_000), _no_metric, until_clear=HOUR, wait=HOUR),
    Scenario("undelivered", _metric("DestinationDeliveryFailures", 2), _no_metric, until_clear=HOUR, wait=HOUR),
)


def begin(place: Place) -> None:
    """Deploy the job, and let the watchdog see it before its first instant, 05:10 UTC."""
    place.deploy(JOB, "cron(10 6 * * ? *)", zone=ZONE, where="functions/jobs/import_prices.py:6")
    place.look()
    place.now = _due(place)


def find(place: Place, scenario: Scenario) -> None:
    """Plant the problem, and let the watchdog pass until it is sure."""
    scenario.plant(place)
    if scenario.cause == "dead-letters":
        place.now += 5 * MINUTE
        place.look()
        place.now += 4 * DAY
    for number in range(scenario.passes):
        place.now += scenario.wait if number == 0 else 5 * MINUTE
        place.look()


def solve(place: Place, scenario: Scenario) -> None:
    """End the problem, and let the watchdog see that."""
    scenario.solve(place)
    place.now += scenario.until_clear
    place.look()
