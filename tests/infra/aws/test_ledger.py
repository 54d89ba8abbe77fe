"""The ledger is data: its retention, the effect of ``cronstack:ledger=destroy``, and adopted tables."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cronstack.errors import DeclarationError
from cronstack.ledger import partitions
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from cronstack_infra.aws import CronstackStack
from cronstack_infra.discovery.discover import discover
from cronstack_infra.toolchain.node import set_jsii_node
from tests.infra.conftest import FUNCTIONS, Synthesize
from tests.tools.iam import Question, judge
from tests.tools.template import ACCOUNT, REGION, of_type, policies_of, properties, resolved

Template = dict[str, Any]
JOBS = "@job(schedule=once())\ndef remind(run): ...\n\n@job(schedule=rate('1 hour'))\ndef front(run): ..."
RESTORED = "shop-restored"
ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{RESTORED}"


def grants(stack: Any, jobs: Any) -> None:
    stack.grant_schedule("remind", jobs["front"])


def ledger(template: Template) -> tuple[str, dict[str, Any]]:
    """Return the logical id and the resource of the ledger."""
    [(key, table)] = of_type(template, "AWS::DynamoDB::GlobalTable").items()
    return key, table


def test_the_ledger_has_its_keys_its_index_and_can_be_restored(examples: Template) -> None:
    key, table = ledger(examples)
    named = {"pk": "S", "sk": "S", "listed": "S", "due": "N"}
    assert properties(examples, key) == {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in named.items()],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "listed",
                "KeySchema": [
                    {"AttributeName": "listed", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "Replicas": [
            {
                "Region": REGION,
                "DeletionProtectionEnabled": True,
                "GlobalSecondaryIndexes": [{"IndexName": "listed"}],
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            }
        ],
    }
    # Not RetainExceptOnCreate: the deletion protection would end a rollback of the first deployment.
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_context_lets_the_ledger_and_the_queues_be_deleted_with_the_stack(synthesize: Synthesize) -> None:
    template = synthesize(JOBS, cronstack__ledger="destroy")
    key, table = ledger(template)
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Delete", "Delete")
    [replica] = properties(template, key)["Replicas"]
    assert replica["DeletionProtectionEnabled"] is False
    assert {queue["DeletionPolicy"] for queue in of_type(template, "AWS::SQS::Queue").values()} == {"Delete"}


def test_the_context_sets_the_warm_throughput_of_table_and_index(synthesize: Synthesize) -> None:
    _, table = ledger(synthesize(JOBS, **{"cronstack__warm-writes": "20000"}))
    warm = {"WriteUnitsPerSecond": 20_000}
    assert table["Properties"]["WarmThroughput"] == warm
    assert [index["WarmThroughput"] for index in table["Properties"]["GlobalSecondaryIndexes"]] == [warm]


@pytest.mark.parametrize("given", ["fast", "3999", "-1", "4e3"])
def test_warm_writes_below_the_minimum_are_refused(synthesize: Synthesize, given: str) -> None:
    with pytest.raises(DeclarationError, match=r"cronstack:warm-writes") as caught:
        synthesize(JOBS, **{"cronstack__warm-writes": given})
    assert "at least 4000" in str(caught.value)


@pytest.mark.parametrize("given", [RESTORED, ARN])
def test_a11_10_an_adopted_table_is_used_and_not_created(synthesize: Synthesize, given: str) -> None:
    template = synthesize(JOBS, resources=grants, **{"cronstack__ledger-table": given})
    assert not of_type(template, "AWS::DynamoDB::GlobalTable")
    assert not of_type(template, "AWS::DynamoDB::Table")
    assert resolved(template, template["Outputs"][names.OUTPUT_LEDGER]["Value"]) == RESTORED
    for key in of_type(template, "AWS::Lambda::Function"):
        assert properties(template, key)["Environment"]["Variables"]["CRONSTACK_LEDGER"] == RESTORED
    assert Wiring.read(resolved(template, template["Outputs"][names.once_output("remind")]["Value"])).ledger == RESTORED
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobsfrontRole")]
    asked = [
        Question("dynamodb:UpdateItem", ARN, {"dynamodb:LeadingKeys": [partition]})
        for partition in ("job#front", "plan#front#0", "plan#remind#0", "job#remind")
    ]
    assert judge(policies_of(template, role), asked) == [True, True, True, False]


def test_a_grant_on_an_adopted_table_includes_its_index(synthesize: Synthesize) -> None:
    """``stack.ledger.grant_read_data``, such as to an operator's role, includes the lists of the index."""

    def resources(stack: Any, jobs: Any) -> None:
        stack.ledger.grant_read_data(jobs["front"].function)

    template = synthesize(JOBS, resources=resources, **{"cronstack__ledger-table": RESTORED})
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobsfrontRole")]
    lists = Question("dynamodb:Query", f"{ARN}/index/{partitions.INDEX}", {"dynamodb:LeadingKeys": ["open#job#front"]})
    assert judge(policies_of(template, role), [lists]) == [True]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("a", "neither the name nor the ARN"),
        ("arn:aws:sqs:us-east-1:123456789012:orders", "neither the name nor the ARN"),
        (f"{ARN}/index/listed", "neither the name nor the ARN"),
    ],
)
def test_an_invalid_table_is_refused(synthesize: Synthesize, given: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why) as caught:
        synthesize(JOBS, **{"cronstack__ledger-table": given})
    assert "cronstack:ledger-table" in str(caught.value)


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"cronstack__ledger": "destroy"}, ("cronstack:ledger-table", "destroy", "does not own")),
        ({"cronstack__warm-writes": "20000"}, ("cronstack:ledger-table", "cronstack:warm-writes", "table itself")),
    ],
)
def test_settings_of_a_new_table_are_refused_with_an_adopted_one(
    synthesize: Synthesize, context: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(DeclarationError) as caught:
        synthesize(JOBS, **{"cronstack__ledger-table": RESTORED}, **context)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture
def in_code(tmp_path: Path) -> Callable[..., Template]:
    """Return a function that synthesizes a stack of the project's jobs, with the arguments of ``given(scope)``."""

    def synthesized(given: Callable[[Any], dict[str, Any]], **context: str) -> Template:
        set_jsii_node(os.environ)
        import aws_cdk as cdk

        app = cdk.App(outdir=str(tmp_path / "out"), context=context, builtin_cloud_formation_validation=False)
        outside = cdk.Stack(app, "outside")
        jobs = discover("jobs", FUNCTIONS).jobs
        CronstackStack(app, "shop", jobs=jobs, functions_root=FUNCTIONS, **given(outside))
        app.synth()
        template: Template = json.loads((tmp_path / "out" / "shop.template.json").read_text())
        return template

    return synthesized


def from_name(scope: Any) -> dict[str, Any]:
    from aws_cdk import aws_dynamodb as dynamodb

    return {"ledger": dynamodb.TableV2.from_table_name(scope, "Restored", RESTORED)}


def test_a_table_is_adopted_by_an_argument(in_code: Callable[..., Template]) -> None:
    template = in_code(from_name)
    assert not of_type(template, "AWS::DynamoDB::GlobalTable")
    assert template["Outputs"][names.OUTPUT_LEDGER]["Value"] == RESTORED


def test_both_ways_to_adopt_together_are_refused(in_code: Callable[..., Template]) -> None:
    with pytest.raises(DeclarationError, match=r"ledger-table.*CronstackStack\(ledger=.*\n.*Keep one of the two"):
        in_code(from_name, **{"cronstack:ledger-table": RESTORED})


def test_an_arn_of_another_region_is_refused(in_code: Callable[..., Template]) -> None:
    def other_region(_: Any) -> dict[str, Any]:
        import aws_cdk as cdk

        return {"env": cdk.Environment(account=ACCOUNT, region="eu-central-1")}

    with pytest.raises(DeclarationError, match=r"in the Region us-east-1, and the stack in eu-central-1"):
        in_code(other_region, **{"cronstack:ledger-table": ARN})
