"""Plans come by the alias of the function. The alias refuses forged events, and planners cannot invoke anything else.

The planner here has what ``grant_schedule`` gives: it writes rows of plans, creates schedules in the group of plans,
and passes the role of plans to Scheduler. Function, alias and roles are deployed by the real cdk CLI.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from cronstack.event import operator_event, planned_event
from cronstack.guard import carrier
from cronstack.ledger import plan_requests
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import payload_hash, planned_id, print_time
from cronstack.onetime import schedules
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from tests.e2e.conftest import Deployed

JOB = "planned"
SOON = 2_000
HOUR = 3_600_000


@pytest.fixture
def wiring(deployed: Deployed) -> Wiring:
    return Wiring.read(outputs(deployed)[names.once_output(JOB)])


def outputs(deployed: Deployed) -> dict[str, str]:
    return names.stack_outputs(deployed.cloud.client("cloudformation").describe_stacks(StackName="trial")["Stacks"][0])


def now() -> int:
    return int(time.time() * 1000) // 1000 * 1000


def send(deployed: Deployed, wiring: Wiring, key: str, event: str, due: int | None = None) -> None:
    """Create a schedule with an event, as planners do, with a name that they may create."""
    moment = now()
    plan = PlanItem("planned", key, due or moment + SOON, moment, "", "", event, 0)
    _create(deployed, wiring, plan)


def plan(deployed: Deployed, wiring: Wiring, key: str, input: dict[str, Any]) -> None:
    """Write the plan's row, then create its schedule."""
    moment = now()
    due = moment + SOON
    event = planned_event(JOB, key, moment, due=due, input=input)
    row = PlanItem("planned", key, due, moment, print_time(due), payload_hash(input), event, 0)
    call = plan_requests.write(wiring.ledger, JOB, row, None, ttl=due // 1000 + 86_400)
    deployed.cloud.client("dynamodb").update_item(**call.parameters)
    _create(deployed, wiring, row)


def _create(deployed: Deployed, wiring: Wiring, plan: PlanItem) -> None:
    """Create a plan's schedule for its due time, however soon that is."""
    call = schedules.build(wiring, plan, lambda: plan.due - carrier.lead())(0)
    deployed.cloud.client("scheduler").create_schedule(**call.parameters)


def letter_of(deployed: Deployed, queue: str, word: str) -> dict[str, Any]:
    """Receive and delete the letter that contains a word. Return its body and its ERROR_CODE."""
    sqs = deployed.cloud.client("sqs")
    options: dict[str, Any] = {"QueueUrl": queue, "WaitTimeSeconds": 20, "MaxNumberOfMessages": 10}
    while messages := sqs.receive_message(**options, MessageAttributeNames=["All"]).get("Messages"):
        for message in messages:
            if word in message["Body"]:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                why = message.get("MessageAttributes", {}).get("ERROR_CODE", {}).get("StringValue", "")
                return {"body": json.loads(message["Body"]), "why": why}
            sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    raise AssertionError(f"no letter with {word!r}")


def rows(deployed: Deployed, wiring: Wiring) -> list[dict[str, Any]]:
    pages = deployed.cloud.client("dynamodb").get_paginator("scan").paginate(TableName=wiring.ledger)
    return [item for page in pages for item in page["Items"] if f"#{JOB}" in item["pk"]["S"]]


def test_a_plan_runs_by_the_alias(deployed: Deployed, wiring: Wiring, tmp_path: Path) -> None:
    assert wiring.function.endswith(":function:trial-planned:plans")
    plan(deployed, wiring, "order-1", {"effects": str(tmp_path / "effects")})
    watch = deployed.watch
    watch.until(lambda: bool(watch.all("finished", function="trial-planned", outcome="ok")), 60, "the planned run")
    assert (tmp_path / "effects").read_text().split() == [planned_id("order-1")]


def test_the_letter_of_a_plan_that_dies_names_the_alias(deployed: Deployed, wiring: Wiring, tmp_path: Path) -> None:
    """Rule: the handler's ``invoked_function_arn`` ends in the alias."""
    plan(deployed, wiring, "dies", {"effects": str(tmp_path / "effects"), "fails": True})
    letter = letter_of(deployed, outputs(deployed)[names.OUTPUT_HANDLER_DEAD_LETTERS], planned_id("dies"))
    assert letter["body"]["requestContext"]["functionArn"] == wiring.function
    assert (tmp_path / "effects").read_text().split() == [planned_id("dies")]


def forged(kind: str, input: dict[str, Any]) -> str:
    """Return an event of a kind that the runtime accepts from other senders, with a due time of its own."""
    due = now() - HOUR
    if kind == "operator":
        event = operator_event(JOB, "trigger", due=due, requested=now(), input=input, occurrence="m-" + "0" * 26)
        return json.dumps(event)
    if kind == "schedule":
        return json.dumps({"cronstack": 1, "job": JOB, "scheduled": print_time(due), "input": input})
    planned = planned_event(JOB, "forged", now(), due=due, input=input)
    if kind == "carrier":
        return json.dumps(json.loads(planned) | {"carrier": 3})
    assert kind == "redrive of a key"
    fields = json.loads(planned)
    event = operator_event(
        JOB, "redrive", due=due, requested=now(), input=input, redrive=1, key="forged", revision=fields["revision"]
    )
    return json.dumps(event)


KINDS = ("operator", "schedule", "carrier", "redrive of a key")


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_event_is_refused_by_the_alias(deployed: Deployed, wiring: Wiring, kind: str, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    before = rows(deployed, wiring)
    event = forged(kind, {"effects": str(effects)})
    send(deployed, wiring, f"forged-{kind}", event)
    letter = letter_of(deployed, outputs(deployed)[names.OUTPUT_HANDLER_DEAD_LETTERS], str(effects))
    assert "NotAPlan" in json.dumps(letter)
    assert letter["body"]["requestContext"]["functionArn"] == wiring.function
    assert not effects.exists()
    assert rows(deployed, wiring) == before


@pytest.mark.parametrize("qualifier", ["", ":$LATEST"])
def test_the_role_of_plans_invokes_by_the_alias_only(
    deployed: Deployed, wiring: Wiring, qualifier: str, tmp_path: Path
) -> None:
    """Rule: Scheduler may not invoke the function without the alias, and writes a dead letter."""
    effects = tmp_path / "effects"
    event = forged("operator", {"effects": str(effects)})
    past = wiring._replace(function=wiring.function.removesuffix(":plans") + qualifier)
    send(deployed, past, f"past-{qualifier}", event)
    letter = letter_of(deployed, outputs(deployed)[names.OUTPUT_DELIVERY_DEAD_LETTERS], str(effects))
    assert letter["why"] == "AccessDeniedException"
    assert letter["body"]["FunctionName"] == past.function
    assert not effects.exists()
