"""The runtime, invoked by the alias of plans: it accepts only the plans' own events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cronstack.event import operator_event, planned_event
from cronstack.runtime import Invocation
from cronstack.settings import PLANS
from tests.cronstack.guard.plans.keys import DUE, KEY, planned
from tests.cronstack.stage import FUNCTION, NOON, Context, Stage, job, scheduled_event

PLAN: dict[str, Any] = json.loads(planned_event("stats", KEY, NOON, due=DUE, input={}))
REDRIVE = operator_event("stats", "redrive", due=DUE, requested=NOON, input={}, key=KEY, revision=NOON)

FORGED: dict[str, dict[str, Any]] = {
    "of a schedule": scheduled_event(),
    "of a schedule, brought by a carrier": scheduled_event(carrier=0),
    "of a plan, brought by a carrier": PLAN | {"carrier": 0},
    "a trigger": operator_event("stats", "trigger", due=NOON, requested=NOON, input={}, occurrence="m-" + "0" * 26),
    "a trigger at a time": operator_event("stats", "trigger", due=NOON, requested=NOON, input={}),
    "a backfill": operator_event("stats", "backfill", due=NOON, requested=NOON, input={}),
    "a backfill of a finished run": operator_event(
        "stats", "backfill", due=NOON, requested=NOON, input={}, generation=2
    ),
    "a redrive": operator_event("stats", "redrive", due=NOON, requested=NOON, input={}, redrive=3),
    "a redrive of a key": REDRIVE,
    "a redrive of a dead key": REDRIVE | {"redrive": 3},
    "a redrive of a key, brought by a carrier": REDRIVE | {"carrier": 7},
}
MALFORMED: dict[str, tuple[Any, str]] = {
    "not an object": ([PLAN], "BadPayload"),
    "another job": (PLAN | {"job": "other"}, "UnknownJob"),
    "a key without a revision": ({name: PLAN[name] for name in PLAN if name != "revision"}, "BadPayload"),
    "a revision without a key": ({name: PLAN[name] for name in PLAN if name != "key"}, "BadPayload"),
    "an id of its own": (PLAN | {"occurrence": "t-2026-01-01T12:00:00Z"}, "BadPayload"),
    "a generation": (PLAN | {"generation": 2}, "BadPayload"),
    "a redrive without an operator": (PLAN | {"redrive": 1}, "BadPayload"),
    "an operator without a kind": (PLAN | {"by": "operator"}, "BadPayload"),
    "a trigger of a key": (REDRIVE | {"kind": "trigger"}, "BadPayload"),
    "no time": (PLAN | {"scheduled": "soon"}, "BadTime"),
    "a revision that is text": (PLAN | {"revision": str(NOON)}, "BadPayload"),
    "a carrier that is not a number": (PLAN | {"carrier": "0"}, "BadPayload"),
}


class ByAlias(Context):
    invoked_function_arn = f"{FUNCTION}:{PLANS}"


class ByVersion(Context):
    invoked_function_arn = f"{FUNCTION}:7"


def invoke(stage: Stage, event: Any, context: Callable[[Stage], Any] = ByAlias) -> tuple[dict[str, Any], int]:
    """Return the answer, and how many handlers have run."""
    ran: list[object] = []
    answer = Invocation(job(lambda run: ran.append(run)), event, context(stage), stage.shell()).work()
    return answer, len(ran)


def test_a_plans_own_event_runs(stage: Stage) -> None:
    planned(stage)
    answer, ran = invoke(stage, PLAN)
    assert (answer["cronstack"], ran) == ("succeeded", 1)


@pytest.mark.parametrize("event", FORGED.values(), ids=FORGED)
def test_by_the_alias_all_other_events_are_refused_without_a_request_to_the_ledger(
    stage: Stage, event: dict[str, Any]
) -> None:
    planned(stage)
    answer, ran = invoke(stage, event)
    assert (answer["cronstack"], answer["reason"], ran) == ("refused", "NotAPlan", 0)
    assert stage.asked() == ["SendMessage"]
    (letter,) = stage.letters()
    assert letter["responsePayload"]["errorType"] == "NotAPlan"
    assert letter["requestContext"]["functionArn"] == f"{FUNCTION}:{PLANS}", "the letter does not have the alias"


@pytest.mark.parametrize(("event", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_by_the_alias_a_malformed_event_is_refused_with_its_own_reason(stage: Stage, event: Any, reason: str) -> None:
    planned(stage)
    answer, ran = invoke(stage, event)
    assert (answer["cronstack"], answer["reason"], ran) == ("refused", reason, 0)
    assert stage.asked() == ["SendMessage"]


@pytest.mark.parametrize("context", [Context, ByVersion], ids=["no qualifier", "another qualifier"])
@pytest.mark.parametrize("event", [PLAN, *FORGED.values()], ids=["of a plan", *FORGED])
def test_without_the_alias_the_function_accepts_all_events(
    stage: Stage, event: dict[str, Any], context: Callable[[Stage], Any]
) -> None:
    planned(stage)
    answer, ran = invoke(stage, event, context)
    assert (answer["cronstack"], ran) == ("succeeded", 1)


def test_a_carrier_invokes_the_function_without_the_alias(stage: Stage) -> None:
    """By the alias, the retry of a key would be refused."""
    planned(stage)

    def broken(run: object) -> None:
        raise ValueError

    targets: list[str] = []

    def record_target(call: Any, carry_out: Callable[[], Any]) -> Any:
        targets.append(call.parameters["Target"]["Arn"])
        return carry_out()

    stage.fail("CreateSchedule", record_target)
    answer = Invocation(job(broken), PLAN, ByAlias(stage), stage.shell()).work()
    assert (answer["cronstack"], targets) == ("retrying", [FUNCTION])
