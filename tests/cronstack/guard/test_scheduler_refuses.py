"""Scheduler refuses: a time that is past, a role that is new, a name that it changes. Carriers and plans come anyway.

Each test tells how EventBridge Scheduler may answer, as a ``Scheduler``; what it does not refuse reaches moto.
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
    """Make a carrier: an attempt fails."""
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
Fate = Callable[[Stage, int], tuple[str, str] | None]
"""Returns a code and a message for a CreateSchedule with this time (epoch ms); None: Scheduler accepts it."""


class Scheduler:
    """Answers each CreateSchedule by a fate, and keeps the requests."""

    def __init__(self, stage: Stage, fate: Fate, most: int = 200) -> None:
        self.stage, self._fate = stage, fate
        self.asked: list[Mapping[str, Any]] = []
        stage.fail("CreateSchedule", *[self._answer] * most)

    def _answer(self, call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        self.asked.append(call.parameters)
        refused = self._fate(self.stage, time_of(call.parameters))
        if refused is None:
            return carry_out()
        code, message = refused
        return {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    @property
    def leads(self) -> list[int]:
        """The different leads that were asked for, in seconds, each counted from the first request."""
        return sorted({(time_of(one) - NOON) // 1000 for one in self.asked})


def time_of(parameters: Mapping[str, Any]) -> int:
    text = parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")
    return to_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def made(stage: Stage) -> list[Mapping[str, Any]]:
    names = [one["Name"] for one in stage.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]]
    return [stage.scheduler.get_schedule(GroupName=CARRIERS, Name=name) for name in names]


# -- a time that is past -----------------------------------------------------------------------------------------------
@makers
def test_a3_a_schedule_that_is_sent_again_has_a_time_in_the_future_and_its_name(stage: Stage, make: Make) -> None:
    """Scheduler may refuse a past time, so a request that was throttled or held up is rebuilt. The name stays, so that
    one schedule is made, however often it is sent.
    """

    def busy(stage: Stage, at: int) -> tuple[str, str] | None:
        assert at >= stage.now, "a past time"
        stage.now += 6_000  # the request was held up on its way
        assert at >= stage.now, "past when Scheduler reads it"
        return ("ThrottlingException", "Rate exceeded") if stage.now < NOON + 14_000 else None

    scheduler = Scheduler(stage, busy)
    make(stage)
    assert len({one["Name"] for one in scheduler.asked}) == 1
    assert len({one["ClientToken"] for one in scheduler.asked}) == len({time_of(one) for one in scheduler.asked}) > 1
    (schedule,) = made(stage)
    assert time_of(schedule) >= stage.now


@pytest.mark.parametrize(("behind", "leads"), [(10, [15]), (40, [15, 60]), (200, [15, 60, 300]), (700, [15, 300, 900])])
@makers
def test_a3_a_clock_that_is_behind_makes_schedules_all_the_same(
    stage: Stage, make: Make, behind: int, leads: list[int]
) -> None:
    """What is 15 s ahead for this clock may be past for Scheduler's. Each refusal makes the lead longer."""

    def strict(stage: Stage, at: int) -> tuple[str, str] | None:
        return ("ValidationException", PAST) if at <= stage.now + behind * 1000 else None

    scheduler = Scheduler(stage, strict)
    make(stage)
    (schedule,) = made(stage)
    assert time_of(schedule) > stage.now + behind * 1000
    assert len(scheduler.asked) <= 4
    assert set(leads) <= {lead // 5 * 5 for lead in scheduler.leads}


@makers
def test_a3_a_schedule_that_scheduler_read_too_late_is_made_again_under_another_name(stage: Stage, make: Make) -> None:
    """AWS does not say whether it fires one whose time was past, and it keeps its name. So another one must come."""
    held_up = [20_000]

    def late(stage: Stage, at: int) -> tuple[str, str] | None:
        stage.now += held_up.pop() if held_up else 0
        return None

    Scheduler(stage, late)
    make(stage)
    past, ahead = sorted(made(stage), key=time_of)
    assert time_of(past) < stage.now < time_of(ahead)
    assert past["Target"] == ahead["Target"]


def test_a3_a_time_that_is_far_enough_ahead_is_not_changed() -> None:
    due = NOON + 3_600_000
    build = carrier.Building(WAY, "carrier.x", "{}", due, lambda: due - 100_000)
    assert [time_of(build(refusals).parameters) - due for refusals in range(4)] == [0, 0, 200_000, 800_000]
    assert build(0) == build(0), "byte for byte while nothing changes"


# -- a role that is new ------------------------------------------------------------------------------------------------
@makers
def test_a11_7_a_role_that_cannot_be_assumed_yet_delays_and_breaks_nothing(stage: Stage, make: Make) -> None:
    """After its creation a role is refused for up to a minute: the request is sent again, with the same short lead."""

    def new(stage: Stage, at: int) -> tuple[str, str] | None:
        assert at - stage.now < 16_001, "another time does not help, so its lead does not grow"
        return ("ValidationException", ROLE) if stage.now < NOON + 15_000 else None

    Scheduler(stage, new)
    make(stage)
    assert len(made(stage)) == 1


@makers
def test_a11_7_what_stays_refused_is_unavailable_and_names_both_causes(stage: Stage, make: Make) -> None:
    scheduler = Scheduler(stage, lambda stage, at: ("ValidationException", "1 validation error detected: …"))
    with pytest.raises(Unavailable) as raised:
        make(stage)
    told = str(raised.value)
    assert "CreateSchedule on the schedule group shop-carriers failed: ValidationException: 1 validation error" in told
    assert "a time that is past" in told
    assert "a role that it cannot assume" in told
    assert len(scheduler.asked) < 90
    assert not raised.value.certain, "an earlier request may have been carried out"


# -- a conflict --------------------------------------------------------------------------------------------------------
@makers
def test_a11_6_a_conflict_without_a_schedule_makes_it_once_more(stage: Stage, make: Make) -> None:
    """Scheduler also reports a conflict while it changes something: the name is not taken then, and nothing comes."""
    stage.fail("CreateSchedule", CONFLICT)
    make(stage)
    assert len(made(stage)) == 1
    assert stage.asked("GetItem", "UpdateItem", "TransactWriteItems") == [
        "CreateSchedule",
        "GetSchedule",
        "CreateSchedule",
    ]


def test_a11_6_a_carrier_that_exists_costs_one_look(stage: Stage) -> None:
    stage.fail("CreateSchedule", lost_answer)
    retry(stage)
    assert stage.asked("TransactWriteItems") == ["CreateSchedule", "CreateSchedule", "GetSchedule"]
    assert len(made(stage)) == 1


def test_a11_6_a_carrier_that_has_fired_is_made_again_and_its_twin_is_a_duplicate(stage: Stage) -> None:
    """Between the conflict and the look it fires, and is gone. Two events of one name come, and one attempt."""

    def fires(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        stage.scheduler.delete_schedule(**call.parameters)
        return carry_out()

    stage.fail("CreateSchedule", lost_answer)
    stage.fail("GetSchedule", fires)
    retry(stage)
    brought = stage.carrier()
    twin = stage.delivery(brought)
    assert stage.deliver(brought).status == "succeeded"
    assert twin.finish().status == "duplicate"


@pytest.mark.parametrize("looks", [1, 4])
@makers
def test_a11_8_a_schedule_that_is_not_shown_yet_is_waited_for_with_few_requests(
    stage: Stage, make: Make, looks: int
) -> None:
    """Right after its creation GetSchedule may not show a schedule. Nothing is lost, and few requests are sent."""
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
    assert stage.now - NOON > 2_000, "with pauses"


# -- signatures --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"]
)
def test_a7_a_request_whose_signature_is_refused_is_signed_again(stage: Stage, code: str) -> None:
    """A sandbox that was frozen between signing and sending, or whose clock is corrected late, spends no delivery."""
    for operation in ("TransactWriteItems", "CreateSchedule"):
        stage.fail(operation, error(code, 403))
    retry(stage)
    assert len(made(stage)) == 1
