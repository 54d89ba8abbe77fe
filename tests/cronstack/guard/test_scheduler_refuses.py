"""Carriers and plans come although Scheduler refuses a past time, a new role, or a name that it is changing.

Each test defines the answers of EventBridge Scheduler as a ``Scheduler``. Accepted requests go to moto.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cronstack.errors import Unavailable
from cronstack.guard import carrier
from cronstack.occurrence import to_milliseconds
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack.steps import Call, Failed
from tests.cronstack.stage import CARRIERS, FUNCTION, NOON, TABLE, WAY, Stage, error, lost_answer, occurrence

BROKEN = Failed('{"type":"ValueError","message":"no"}', after=1.0)
WIRING = Wiring("stats", TABLE, CARRIERS, "arn:aws:iam::123456789012:role/once", FUNCTION, WAY.dead_letters)
ROLE = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
"""AWS's own text."""
PAST = "The schedule expression is in the past."
THROTTLED = error("ThrottlingException")
CONFLICT = error("ConflictException", 409)
ABSENT = error("ResourceNotFoundException", 404)


def retry(stage: Stage) -> None:
    """Make a carrier by a failed attempt."""
    assert stage.deliver(occurrence(), BROKEN).status == "retrying"


def plan(stage: Stage) -> None:
    """Make a plan's schedule."""
    assert once(stage).schedule("stats", key="order-1", after=1).outcome == "planned"


def once(stage: Stage) -> Once:
    return Once(
        wiring=lambda job: WIRING,
        transport=stage.transport,
        now=lambda: stage.now,
        monotonic=lambda: stage.now / 1000,
        sleep=stage.sleep,
        randomness=stage.randomness,
    )


makers = pytest.mark.parametrize("make", [retry, plan], ids=["carrier", "plan"])
Make = Callable[[Stage], None]
Policy = Callable[[Stage, int], tuple[str, str] | None]
"""Returns a code and a message for a CreateSchedule with this time (epoch ms); None: Scheduler accepts it."""


class Scheduler:
    """Answers each CreateSchedule by a policy, and records the requests."""

    def __init__(self, stage: Stage, policy: Policy, most: int = 200) -> None:
        self.stage, self._policy = stage, policy
        self.asked: list[Mapping[str, Any]] = []
        stage.fail("CreateSchedule", *[self._answer] * most)

    def _answer(self, call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        self.asked.append(call.parameters)
        refused = self._policy(self.stage, time_of(call.parameters))
        if refused is None:
            return carry_out()
        code, message = refused
        return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    @property
    def leads(self) -> list[int]:
        """The different leads in the requests, in seconds from the first request."""
        return sorted({(time_of(request) - NOON) // 1000 for request in self.asked})


def time_of(parameters: Mapping[str, Any]) -> int:
    text = parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")
    return to_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def made(stage: Stage) -> list[Mapping[str, Any]]:
    names = [listed["Name"] for listed in stage.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]]
    return [stage.scheduler.get_schedule(GroupName=CARRIERS, Name=name) for name in names]


# -- a time that is past -----------------------------------------------------------------------------------------------
@makers
def test_a3_a_schedule_that_is_sent_again_has_a_time_in_the_future_and_its_name(stage: Stage, make: Make) -> None:
    """Scheduler may refuse a past time, so a request that was throttled or delayed is built again. The name stays, so
    that repeated sends create one schedule.
    """

    def busy(stage: Stage, at: int) -> tuple[str, str] | None:
        assert at >= stage.now, "a past time"
        stage.now += 6_000  # the request was delayed
        assert at >= stage.now, "past when it reaches Scheduler"
        return ("ThrottlingException", "Rate exceeded") if stage.now < NOON + 14_000 else None

    scheduler = Scheduler(stage, busy)
    make(stage)
    requests = scheduler.asked
    assert len({request["Name"] for request in requests}) == 1
    assert len({request["ClientToken"] for request in requests}) == len({time_of(request) for request in requests}) > 1
    (schedule,) = made(stage)
    assert time_of(schedule) >= stage.now


@pytest.mark.parametrize(("behind", "leads"), [(10, [15]), (40, [15, 60]), (200, [15, 60, 300]), (700, [15, 300, 900])])
@makers
def test_a3_a_clock_that_is_behind_creates_schedules(stage: Stage, make: Make, behind: int, leads: list[int]) -> None:
    """A time 15 s ahead of this clock may be past for Scheduler's. Each refusal makes the lead longer."""

    def strict(stage: Stage, at: int) -> tuple[str, str] | None:
        return ("ValidationException", PAST) if at <= stage.now + behind * 1000 else None

    scheduler = Scheduler(stage, strict)
    make(stage)
    (schedule,) = made(stage)
    assert time_of(schedule) > stage.now + behind * 1000
    assert len(scheduler.asked) <= 4
    assert set(leads) <= {lead // 5 * 5 for lead in scheduler.leads}


@makers
def test_a3_a_schedule_that_reached_scheduler_too_late_is_created_again_with_another_name(
    stage: Stage, make: Make
) -> None:
    """AWS does not document whether a schedule with a past time fires, and it exists. So another one is needed."""
    delays = [20_000]

    def late(stage: Stage, at: int) -> tuple[str, str] | None:
        stage.now += delays.pop() if delays else 0
        return None

    Scheduler(stage, late)
    make(stage)
    past, ahead = sorted(made(stage), key=time_of)
    assert time_of(past) < stage.now < time_of(ahead)
    assert past["Target"] == ahead["Target"]


def test_a3_a_time_that_is_far_enough_ahead_is_not_changed() -> None:
    due = NOON + 3_600_000
    build = carrier.ScheduleBuilder(WAY, "carrier.x", "{}", due, lambda: due - 100_000)
    assert [time_of(build(refusals).parameters) - due for refusals in range(4)] == [0, 0, 200_000, 800_000]
    assert build(0) == build(0), "byte for byte while nothing changes"


# -- a role that is new ------------------------------------------------------------------------------------------------
@makers
def test_a11_7_a_role_that_cannot_be_assumed_yet_causes_only_a_delay(stage: Stage, make: Make) -> None:
    """After its creation a role is refused for up to a minute: the request is sent again, with the same short lead."""

    def new(stage: Stage, at: int) -> tuple[str, str] | None:
        assert at - stage.now < 16_001, "another time does not help, so its lead does not grow"
        return ("ValidationException", ROLE) if stage.now < NOON + 15_000 else None

    Scheduler(stage, new)
    make(stage)
    assert len(made(stage)) == 1


@makers
def test_a11_7_a_request_that_stays_refused_raises_unavailable_with_both_causes(stage: Stage, make: Make) -> None:
    scheduler = Scheduler(stage, lambda stage, at: ("ValidationException", "1 validation error detected: …"))
    with pytest.raises(Unavailable) as raised:
        make(stage)
    text = str(raised.value)
    assert "CreateSchedule on the schedule group shop-carriers failed: ValidationException: 1 validation error" in text
    assert "refuses a past time" in text
    assert "a role that it cannot assume" in text
    assert len(scheduler.asked) < 90
    assert not raised.value.certain, "an earlier request may have been carried out"


# -- a conflict --------------------------------------------------------------------------------------------------------
@makers
def test_a11_6_after_a_conflict_without_a_schedule_it_is_created_again(stage: Stage, make: Make) -> None:
    """Scheduler also reports a conflict while it changes a schedule. Then the name may be free."""
    stage.fail("CreateSchedule", CONFLICT)
    make(stage)
    assert len(made(stage)) == 1
    assert stage.asked("GetItem", "UpdateItem", "TransactWriteItems") == [
        "CreateSchedule",
        "GetSchedule",
        "CreateSchedule",
    ]


def test_a11_6_an_existing_carrier_costs_one_get_schedule(stage: Stage) -> None:
    stage.fail("CreateSchedule", lost_answer)
    retry(stage)
    assert stage.asked("TransactWriteItems") == ["CreateSchedule", "CreateSchedule", "GetSchedule"]
    assert len(made(stage)) == 1


def test_a11_6_a_carrier_that_has_fired_is_created_again_and_its_copy_is_a_duplicate(stage: Stage) -> None:
    """It fires between the conflict and GetSchedule. Two events with one name come, and one attempt runs."""

    def fires(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        stage.scheduler.delete_schedule(**call.parameters)
        return carry_out()

    stage.fail("CreateSchedule", lost_answer)
    stage.fail("GetSchedule", fires)
    retry(stage)
    brought = stage.carrier()
    copy = stage.delivery(brought)
    assert stage.deliver(brought).status == "succeeded"
    assert copy.finish().status == "duplicate"


@pytest.mark.parametrize("looks", [1, 4])
@makers
def test_a11_8_a_schedule_that_is_not_shown_yet_is_waited_for_with_few_requests(
    stage: Stage, make: Make, looks: int
) -> None:
    """Directly after its creation, GetSchedule may not show a schedule. Nothing is lost, and few requests are sent."""
    stage.fail("CreateSchedule", lost_answer)
    stage.fail("GetSchedule", *[ABSENT] * looks)
    make(stage)
    assert len(made(stage)) == 1
    asked = stage.asked("GetItem", "UpdateItem", "TransactWriteItems")
    assert (asked.count("CreateSchedule"), asked.count("GetSchedule")) == (looks + 2, looks + 1)


@makers
def test_a11_8_a_conflict_that_does_not_end_is_unavailable_after_a_few_rounds(stage: Stage, make: Make) -> None:
    stage.fail("CreateSchedule", *[CONFLICT] * 50)
    with pytest.raises(Unavailable, match=r"reports (a )?conflicts? for the schedule .* shows no such schedule"):
        make(stage)
    asked = stage.asked("GetItem", "UpdateItem", "TransactWriteItems")
    assert asked.count("CreateSchedule") <= 8
    assert stage.now - NOON > 2_000, "there are no pauses"


# -- signatures --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"]
)
def test_a7_a_request_whose_signature_is_refused_is_signed_again(stage: Stage, code: str) -> None:
    """A sandbox that was frozen after signing, or whose clock is corrected late, does not use up a delivery."""
    for operation in ("TransactWriteItems", "CreateSchedule"):
        stage.fail(operation, error(code, 403))
    retry(stage)
    assert len(made(stage)) == 1
