"""The life of resources: created in order, updated, replaced, removed, retained, rolled back, destroyed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, get, listed, queue, ref, role, schedule, scheduler_role, table


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def functions(cloud: LocalCloud, prefix: str) -> list[str]:
    names = [found["FunctionName"] for found in listed(cloud.client("lambda"), "list_functions", "Functions")]
    return [name for name in names if name.startswith(prefix)]


def test_deploy_again_has_no_changes(stack: Stack) -> None:
    resources = {"Queue": queue(), "Table": table()}
    outputs = {"Ledger": {"Value": ref("Table")}}
    assert stack.deploy(resources, Outputs=outputs) == "CREATE_COMPLETE"
    assert stack.outputs() == {"Ledger": stack.physical("Table")}
    assert stack.deploy(resources, Outputs=outputs) == "no changes"
    assert stack.status() == "CREATE_COMPLETE"
    assert stack.outputs() == {"Ledger": stack.physical("Table")}


def test_created_in_order_of_dependencies(stack: Stack) -> None:
    resources = {
        "First": {**queue(), "DependsOn": ["Third"]},
        "Second": queue(QueueName={"Fn::Sub": "${Third.QueueName}-2"}),
        "Third": {**queue(), "DependsOn": "Fourth"},
        "Fourth": queue(),
    }
    assert stack.deploy(resources) == "CREATE_COMPLETE"
    made = [name for name, status in stack.events() if status == "CREATE_COMPLETE" and name != stack.name]
    assert made == ["Fourth", "Third", "First", "Second"]
    stack.delete()


def test_events_of_each_step_in_order(stack: Stack) -> None:
    stack.deploy({"Queue": queue()})
    assert stack.events() == [
        (stack.name, "REVIEW_IN_PROGRESS"),
        (stack.name, "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_COMPLETE"),
        (stack.name, "CREATE_COMPLETE"),
    ]
    events = stack.cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    times = [event["Timestamp"] for event in events]
    assert sorted(set(times), reverse=True) == times


def test_updated_in_place(stack: Stack) -> None:
    stack.deploy({"Queue": queue(VisibilityTimeout=60)})
    url = stack.physical("Queue")
    assert stack.deploy({"Queue": queue(DelaySeconds=7)}) == "UPDATE_COMPLETE"
    assert stack.physical("Queue") == url
    attributes = stack.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], attributes["VisibilityTimeout"]) == ("7", "30")


def test_unchanged_resources_are_not_updated(stack: Stack) -> None:
    stack.deploy({"Queue": queue(), "Other": queue()})
    before = len(stack.events())
    stack.deploy({"Queue": queue(), "Other": queue(DelaySeconds=1)})
    touched = {name for name, _ in stack.events()[before:]}
    assert touched == {stack.name, "Other"}


def test_dependants_of_a_replaced_resource_are_updated(stack: Stack) -> None:
    def resources(name: str) -> dict[str, Any]:
        return {
            "Role": role(),
            "SchedulerRole": scheduler_role(),
            "Function": function(FunctionName=f"{stack.name}-{name}"),
            "Schedule": schedule(get("Function", "Arn"), Name=f"{stack.name}.1"),
        }

    stack.deploy(resources("old"))
    assert stack.deploy(resources("new")) == "UPDATE_COMPLETE"
    assert functions(stack.cloud, stack.name) == [f"{stack.name}-new"]
    target = stack.cloud.client("scheduler").get_schedule(Name=f"{stack.name}.1")["Target"]
    assert target["Arn"].endswith(f":function:{stack.name}-new")


def test_removed_and_added_back(stack: Stack) -> None:
    with_job = {"Queue": queue(), "Role": role(), "Function": function(FunctionName=f"{stack.name}-job")}
    stack.deploy(with_job)
    assert stack.deploy({"Queue": queue()}) == "UPDATE_COMPLETE"
    assert functions(stack.cloud, stack.name) == []
    assert stack.deploy(with_job) == "UPDATE_COMPLETE"
    assert functions(stack.cloud, stack.name) == [f"{stack.name}-job"]
    stack.delete()
    assert functions(stack.cloud, stack.name) == []


def test_a_false_condition_removes(stack: Stack) -> None:
    def deploy(wanted: str) -> str:
        return stack.deploy(
            {"Always": queue(), "Sometimes": {**queue(QueueName=f"{stack.name}-x"), "Condition": "Wanted"}},
            Parameters={"Want": {"Type": "String"}},
            Conditions={"Wanted": {"Fn::Equals": [ref("Want"), "yes"]}},
            parameters=[{"ParameterKey": "Want", "ParameterValue": wanted}],
        )

    def exists() -> bool:
        return "QueueUrls" in stack.cloud.client("sqs").list_queues(QueueNamePrefix=f"{stack.name}-x")

    assert deploy("no") == "CREATE_COMPLETE"
    assert not exists()
    assert deploy("yes") == "UPDATE_COMPLETE"
    assert exists()
    assert deploy("no") == "UPDATE_COMPLETE"
    assert not exists()


def test_retained_when_removed_and_when_destroyed(stack: Stack) -> None:
    kept = {**table(), "DeletionPolicy": "Retain"}
    stack.deploy({"One": kept, "Two": kept, "Queue": queue()})
    one, two = stack.physical("One"), stack.physical("Two")
    stack.deploy({"Two": kept, "Queue": queue()})
    stack.delete()
    assert {one, two} <= set(listed(stack.cloud.client("dynamodb"), "list_tables", "TableNames"))


def test_failing_create_is_rolled_back_with_its_reason(stack: Stack) -> None:
    resources = {
        "Role": role(),
        "Queue": queue(QueueName=f"{stack.name}-q"),
        "Function": function(FunctionName=f"{stack.name}-f", Code={"S3Bucket": "no-such-bucket", "S3Key": "x.zip"}),
        "After": {**queue(QueueName=f"{stack.name}-after"), "DependsOn": "Function"},
    }
    assert stack.deploy(resources) == "ROLLBACK_COMPLETE"
    assert ("Function", "CREATE_FAILED") in stack.events()
    assert ("After", "CREATE_IN_PROGRESS") not in stack.events()
    assert "specified bucket does not exist" in stack.reasons()[0]
    assert "QueueUrls" not in stack.cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)
    assert stack.outputs() == {}
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        stack.deploy(resources)
    stack.delete()
    assert not stack.exists()


def test_failing_update_keeps_the_old_state(stack: Stack) -> None:
    old = {
        "Role": role(),
        "Queue": queue(VisibilityTimeout=60),
        "Gone": queue(QueueName=f"{stack.name}-gone"),
        "Function": function(FunctionName=f"{stack.name}-old", Timeout=10),
    }
    outputs = {"Name": {"Value": ref("Function")}}
    stack.deploy(old, Outputs=outputs)
    new = {
        "Role": role(),
        "Queue": queue(VisibilityTimeout=99),
        "Added": queue(QueueName=f"{stack.name}-added"),
        "Function": function(FunctionName=f"{stack.name}-new", Timeout=20),
        "Bad": {**queue(QueueName="not a queue's name"), "DependsOn": ["Queue", "Added", "Function"]},
    }
    assert stack.deploy(new, Outputs=outputs) == "UPDATE_ROLLBACK_COMPLETE"
    assert functions(stack.cloud, stack.name) == [f"{stack.name}-old"]
    sqs = stack.cloud.client("sqs")
    urls = sqs.list_queues(QueueNamePrefix=stack.name)["QueueUrls"]
    assert [url.endswith("-added") for url in urls] == [False, False]
    attributes = sqs.get_queue_attributes(QueueUrl=stack.physical("Queue"), AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "60"}
    assert stack.outputs() == {"Name": f"{stack.name}-old"}
    assert json.loads(json.dumps(stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"]))
    assert stack.deploy(old, Outputs=outputs) == "no changes"
    assert stack.deploy({**old, "Queue": queue(VisibilityTimeout=61)}, Outputs=outputs) == "UPDATE_COMPLETE"


def test_events_of_a_rolled_back_update_come_in_awss_order(stack: Stack) -> None:
    """The order is: the reason, the updates undone, the created resources removed."""
    named = f"{stack.name}-named"
    old = {"Queue": queue(VisibilityTimeout=60), "Named": queue(QueueName=f"{named}-1")}
    stack.deploy(old)
    before = len(stack.events())
    new = {
        "Added": queue(),
        "Queue": {**queue(VisibilityTimeout=99), "DependsOn": "Added"},
        "Named": {**queue(QueueName=f"{named}-2"), "DependsOn": "Queue"},
        "Bad": {**queue(QueueName="not a name"), "DependsOn": "Named"},
    }
    assert stack.deploy(new) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.events()[before:] == [
        (stack.name, "UPDATE_IN_PROGRESS"),
        ("Added", "CREATE_IN_PROGRESS"),
        ("Added", "CREATE_COMPLETE"),
        ("Queue", "UPDATE_IN_PROGRESS"),
        ("Queue", "UPDATE_COMPLETE"),
        ("Named", "UPDATE_IN_PROGRESS"),
        ("Named", "CREATE_IN_PROGRESS"),
        ("Named", "CREATE_COMPLETE"),
        ("Bad", "CREATE_IN_PROGRESS"),
        ("Bad", "CREATE_FAILED"),
        (stack.name, "UPDATE_ROLLBACK_IN_PROGRESS"),
        ("Queue", "UPDATE_IN_PROGRESS"),
        ("Queue", "UPDATE_COMPLETE"),
        (stack.name, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Named", "DELETE_IN_PROGRESS"),
        ("Named", "DELETE_COMPLETE"),
        ("Added", "DELETE_IN_PROGRESS"),
        ("Added", "DELETE_COMPLETE"),
        (stack.name, "UPDATE_ROLLBACK_COMPLETE"),
    ]
    events = stack.cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    [start] = [event for event in events if event["ResourceStatus"] == "UPDATE_ROLLBACK_IN_PROGRESS"]
    assert "[Bad: " in start["ResourceStatusReason"]
    assert stack.physical("Named").endswith("-1")
    outputs = {"Bad": {"Value": get("Queue", "Nothing")}}
    before = len(stack.events())
    assert stack.deploy({**old, "Added": queue()}, Outputs=outputs) == "UPDATE_ROLLBACK_COMPLETE"
    assert [status for name, status in stack.events()[before:] if name == stack.name] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]


def test_events_of_a_rolled_back_create_come_in_awss_order(stack: Stack) -> None:
    resources = {"Queue": queue(), "Bad": {**queue(QueueName="not a name"), "DependsOn": "Queue"}}
    assert stack.deploy(resources) == "ROLLBACK_COMPLETE"
    assert stack.events()[-5:] == [
        ("Bad", "CREATE_FAILED"),
        (stack.name, "ROLLBACK_IN_PROGRESS"),
        ("Queue", "DELETE_IN_PROGRESS"),
        ("Queue", "DELETE_COMPLETE"),
        (stack.name, "ROLLBACK_COMPLETE"),
    ]


def test_additions_of_a_failed_update_are_removed(stack: Stack) -> None:
    """An update compares with the old properties, so the rollback must compare with the new ones."""

    def resources(*actions: str, **more: Any) -> dict[str, Any]:
        documents = {
            action: {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": f"s3:{action}", "Resource": "*"}],
            }
            for action in actions
        }
        index = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}
        return {
            "Table": table(GlobalSecondaryIndexes=[index | {"IndexName": action} for action in actions]),
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
                    "Policies": [{"PolicyName": name, "PolicyDocument": text} for name, text in documents.items()],
                },
            },
            "Managed": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": documents[actions[-1]]}},
            **more,
        }

    bad = {"Bad": {**function(Role="arn:aws:iam::123456789012:role/none"), "DependsOn": ["Table", "Role", "Managed"]}}
    iam, dynamodb = stack.cloud.client("iam"), stack.cloud.client("dynamodb")

    def state() -> list[Any]:
        policy = iam.get_policy(PolicyArn=stack.physical("Managed"))["Policy"]
        document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
        described = dynamodb.describe_table(TableName=stack.physical("Table"))["Table"]
        return [
            [index["IndexName"] for index in described["GlobalSecondaryIndexes"]],
            iam.list_role_policies(RoleName=stack.physical("Role"))["PolicyNames"],
            document["PolicyVersion"]["Document"]["Statement"][0]["Action"],
        ]

    assert stack.deploy(resources("GetObject")) == "CREATE_COMPLETE"
    assert state() == [["GetObject"], ["GetObject"], "s3:GetObject"]
    for _ in range(2):
        assert stack.deploy(resources("GetObject", "PutObject", **bad)) == "UPDATE_ROLLBACK_COMPLETE"
        assert state() == [["GetObject"], ["GetObject"], "s3:GetObject"]
    assert stack.deploy(resources("GetObject", "PutObject")) == "UPDATE_COMPLETE"
    assert state() == [["GetObject", "PutObject"], ["GetObject", "PutObject"], "s3:PutObject"]
    stack.delete()


def test_destroy_leaves_nothing_and_describing_creates_nothing(stack: Stack) -> None:
    resources = {"Role": role(), "Queue": queue(), "Table": table(), "Function": function()}
    outputs = {name: {"Value": ref(name), "Export": {"Name": f"{stack.name}-{name}"}} for name in ("Queue", "Table")}
    stack.deploy(resources, Outputs=outputs)
    stack_id = stack.describe()["StackId"]
    stack.delete()
    assert stack.cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="does not exist"):
        stack.describe()
    assert functions(stack.cloud, stack.name) == []
    assert "QueueUrls" not in stack.cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)
    tables = listed(stack.cloud.client("dynamodb"), "list_tables", "TableNames")
    assert not [name for name in tables if name.startswith(stack.name)]
    roles = listed(stack.cloud.client("iam"), "list_roles", "Roles")
    assert not [found for found in roles if found["RoleName"].startswith(stack.name)]
    exports = listed(stack.cloudformation, "list_exports", "Exports")
    assert not [found for found in exports if found["Name"].startswith(stack.name)]


def test_resources_deleted_by_hand_do_not_stop_a_destroy(stack: Stack) -> None:
    stack.deploy({"Queue": queue(), "Role": role(), "Function": function(), "Table": table()})
    stack.cloud.client("sqs").delete_queue(QueueUrl=stack.physical("Queue"))
    stack.cloud.client("lambda").delete_function(FunctionName=stack.physical("Function"))
    stack.cloud.client("dynamodb").delete_table(TableName=stack.physical("Table"))
    stack.delete()
    assert not stack.exists()


def test_twelve_stacks_at_once(local_cloud: LocalCloud) -> None:
    stacks = [Stack.new(local_cloud) for _ in range(12)]
    resources = {"Role": role(), **{f"Queue{n}": queue() for n in range(5)}, "Function": function()}
    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda stack: stack.deploy(resources), stacks))
    assert statuses == ["CREATE_COMPLETE"] * 12
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(Stack.delete, stacks))
    assert not any(stack.exists() for stack in stacks)


def test_after_a_failed_update_the_old_schedule_fires(stack: Stack) -> None:
    due = (datetime.now(UTC) + timedelta(seconds=6)).strftime("at(%Y-%m-%dT%H:%M:%S)")

    def resources(text: str, **more: Any) -> dict[str, Any]:
        made = schedule(get("Queue", "Arn"), ScheduleExpression=due)
        made["Properties"]["Target"]["Input"] = text
        return {"SchedulerRole": scheduler_role(), "Queue": queue(), "Schedule": made, **more}

    assert stack.deploy(resources("old")) == "CREATE_COMPLETE"
    bad = {**queue(QueueName="not a name"), "DependsOn": "Schedule"}
    assert stack.deploy(resources("new", Bad=bad)) == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Schedule", "UPDATE_COMPLETE") in stack.events()
    sqs, url = stack.cloud.client("sqs"), stack.physical("Queue")
    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert [message["Body"] for message in received] == ["old"]
