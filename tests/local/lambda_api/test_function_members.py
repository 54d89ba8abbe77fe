"""Each member of a function's configuration has a decision: honoured, kept, or refused with its reason."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape, StructureShape
from moto.awslambda.responses import LambdaResponse

from cronstack_infra.local.cloudformation.template import registry
from cronstack_infra.local.lambda_api.function_members import (
    HONOURED,
    KEPT,
    REFUSED,
    REFUSED_VARIABLES,
    decided,
    why_not,
)
from tests.local.executor.bench import zipped
from tests.local.quick_cloud import Cloud, quick_cloud

MODEL = botocore.session.get_session().get_service_model("lambda")
CODE = {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode", "ImageUri", "SourceKMSKeyArn"}
"""Members at the top level of UpdateFunctionCode, and inside a structure elsewhere."""
BY_HTTP = {"InvocationType", "LogType", "ClientContext", "Payload"}
"""Members of one call, which the tests of Invoke cover."""


def paths(shape: Shape, before: str = "") -> Iterator[str]:
    """Yield the paths of all members that are not structures."""
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            yield from paths(member, f"{before}.{name}" if before else name)
    else:
        yield before


def of_operation(name: str) -> list[str]:
    shape = MODEL.operation_model(name).input_shape
    assert shape is not None
    return [f"Code.{path}" if path in CODE else path for path in paths(shape) if path not in BY_HTTP]


def of_schema(schema: Any, definitions: Any, before: str = "") -> Iterator[str]:
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for name, inner in schema.get("properties", {}).items():
        yield from of_schema(inner, definitions, f"{before}.{name}" if before else name)
    if not schema.get("properties"):
        yield before


PUTS = [name for name in MODEL.operation_names if name.startswith("PutFunction")]
CALLS = ["CreateFunction", "UpdateFunctionConfiguration", "UpdateFunctionCode", "PublishVersion", "Invoke", *PUTS]


@pytest.mark.parametrize("operation", CALLS)
def test_each_member_of_the_api_has_a_decision(operation: str) -> None:
    if not hasattr(LambdaResponse, xform_name(operation)):
        return  # the whole operation is refused
    undecided = [path for path in of_operation(operation) if not decided(path)]
    assert not undecided, f"decide in function_members.py what {operation} does with them"


def test_each_property_of_a_templates_function_has_a_decision() -> None:
    schema = registry.schemas()["AWS::Lambda::Function"]
    read_only = set(schema["readOnly"])
    members = [path for path in of_schema(schema, schema["definitions"]) if path.partition(".")[0] not in read_only]
    assert len(members) > 40
    assert not [path for path in members if not decided(path)], "decide in function_members.py"


def test_a_member_has_one_decision_and_exists_on_aws() -> None:
    assert not (HONOURED & KEPT.keys())
    assert not (HONOURED & REFUSED.keys())
    assert not KEPT.keys() & REFUSED.keys()
    schema = registry.schemas()["AWS::Lambda::Function"]
    known = {path for name in CALLS for path in of_operation(name)} | set(of_schema(schema, schema["definitions"]))
    prefixes = {".".join(path.split(".")[:length]) for path in known for length in range(1, path.count(".") + 2)}
    assert {*HONOURED, *KEPT, *REFUSED} <= prefixes


@pytest.mark.parametrize("member", REFUSED)
def test_a_refused_member_is_refused_by_name_unless_it_is_empty(member: str) -> None:
    assert f"({member})" in (why_not({member: {"x": 1}}) or "")
    assert why_not({member: {}}) is None


@pytest.mark.parametrize("name", REFUSED_VARIABLES)
def test_a_variable_that_changes_how_the_runtime_starts_is_refused(name: str) -> None:
    assert name in (why_not({"Environment": {"Variables": {name: "/opt/wrapper"}}}) or "")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        yield cloud


PROVIDER = "arn:aws:lambda:us-east-1:123456789012:capacity-provider:mine"
UNSUPPORTED: list[tuple[str, dict[str, Any]]] = [
    ("durable functions", {"DurableConfig": {"ExecutionTimeout": 60}}),
    (
        "capacity providers",
        {"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": PROVIDER}}},
    ),
    ("isolation of tenants", {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}),
    ("publishing to managed instances", {"PublishTo": "LATEST_PUBLISHED"}),
    ("wrapper scripts", {"Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}}),
]


@pytest.mark.parametrize(("what", "fields"), UNSUPPORTED, ids=[what for what, _ in UNSUPPORTED])
def test_an_unsupported_member_is_refused_at_creation(cloud: Cloud, what: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=f"InvalidParameterValueException.*does not carry out {what}"):
        cloud.function("never", "def handler(e, c): pass", **fields)


def test_an_unsupported_member_is_refused_in_a_template(cloud: Cloud) -> None:
    durable = {"ExecutionTimeout": 60, "RetentionPeriodInDays": 1}
    code = {"ZipFile": "def handler(e, c): pass"}
    given = {"Runtime": "python3.13", "Handler": "index.handler", "Role": cloud.handler_role, "Code": code}
    resource = {"Type": "AWS::Lambda::Function", "Properties": given | {"DurableConfig": durable}}
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="durable", TemplateBody=json.dumps({"Resources": {"F": resource}}))
    events = cloudformation.describe_stack_events(StackName="durable")["StackEvents"]
    assert "does not carry out durable functions" in json.dumps(events, default=str)


@pytest.mark.parametrize("name", ["AWS_REGION", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_MAX_CONCURRENCY"])
def test_a_reserved_variable_is_refused_in_templates_too(cloud: Cloud, name: str) -> None:
    code = {"ZipFile": "def handler(e, c): pass"}
    given = {"Runtime": "python3.13", "Handler": "index.handler", "Role": cloud.handler_role, "Code": code}
    properties = given | {"Environment": {"Variables": {name: "x"}}}
    template = json.dumps({"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}})
    stack = name.lower().replace("_", "-")
    cloud.client("cloudformation").create_stack(StackName=stack, TemplateBody=template)
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    assert f"Reserved keys used in this request: {name}" in json.dumps(events, default=str)


@pytest.mark.parametrize("fields", [{"TenantId": "a"}, {"DurableExecutionName": "a"}], ids=str)
def test_an_unsupported_member_of_an_invocation_is_refused(cloud: Cloud, fields: dict[str, str]) -> None:
    name = f"plain-{next(iter(fields))}"
    cloud.function(name, "def handler(e, c): pass")
    with pytest.raises(ClientError, match="does not carry out"):
        cloud.client("lambda").invoke(FunctionName=name, **fields)


def test_the_requested_version_of_the_object_runs(cloud: Cloud) -> None:
    s3, functions = cloud.client("s3"), cloud.client("lambda")
    s3.create_bucket(Bucket="code")
    s3.put_bucket_versioning(Bucket="code", VersioningConfiguration={"Status": "Enabled"})
    versions = [
        s3.put_object(Bucket="code", Key="x.zip", Body=zipped(app=f"def handler(e, c): return {number}"))["VersionId"]
        for number in (1, 2, 3)
    ]
    place = {"S3Bucket": "code", "S3Key": "x.zip"}
    given = {"FunctionName": "versioned", "Runtime": "python3.13", "Handler": "app.handler"}
    code = place | {"S3ObjectVersion": versions[0]}
    functions.create_function(**given, Role=cloud.handler_role, Code=code)
    assert functions.invoke(FunctionName="versioned")["Payload"].read() == b"1"
    functions.update_function_code(FunctionName="versioned", **place, S3ObjectVersion=versions[1])
    assert functions.invoke(FunctionName="versioned")["Payload"].read() == b"2"
    with pytest.raises(ClientError, match=r"InvalidParameterValueException.*NoSuchVersion"):
        functions.update_function_code(FunctionName="versioned", **place, S3ObjectVersion="no-such-version")
    assert functions.invoke(FunctionName="versioned")["Payload"].read() == b"2"


def test_the_architecture_is_changed_with_the_code(cloud: Cloud) -> None:
    cloud.function("arm", "def handler(e, c): pass")
    code = zipped(app="def handler(e, c): return 1")
    cloud.client("lambda").update_function_code(FunctionName="arm", ZipFile=code, Architectures=["arm64"])
    assert cloud.client("lambda").get_function_configuration(FunctionName="arm")["Architectures"] == ["arm64"]


def test_a_log_in_json_format_is_json(cloud: Cloud) -> None:
    source = """
    import logging
    def handler(event, context):
        logging.getLogger().info("seen %s", event["x"])
        logging.getLogger().debug("not seen")
    """
    cloud.function("in-json", source, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO"})
    cloud.client("lambda").invoke(FunctionName="in-json", Payload=b'{"x": 1}')
    line = json.loads(cloud.await_event("log", function="in-json")["line"])
    assert (line["message"], line["level"]) == ("seen 1", "INFO")


# size of a zip


def of_size(size: int) -> bytes:
    data = io.BytesIO(zipped(app="def handler(e, c): pass"))
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(size))
    return data.getvalue()


TOO_LARGE = r"InvalidParameterValueException.*Unzipped size must be smaller than 262144000 bytes"


def test_a_small_zip_with_too_large_files_is_always_refused(cloud: Cloud) -> None:
    s3, functions = cloud.client("s3"), cloud.client("lambda")
    large = of_size(400 * 1024 * 1024)
    assert len(large) < 1024 * 1024
    with pytest.raises(ClientError, match=TOO_LARGE):
        cloud.function("large", "", Code={"ZipFile": large})
    cloud.function("large", "def handler(e, c): return 'small'")
    with pytest.raises(ClientError, match=TOO_LARGE):
        functions.update_function_code(FunctionName="large", ZipFile=large)
    assert functions.invoke(FunctionName="large")["Payload"].read() == b'"small"'
    s3.create_bucket(Bucket="large")
    s3.put_object(Bucket="large", Key="x.zip", Body=large)
    code = {"S3Bucket": "large", "S3Key": "x.zip"}
    given = {"Runtime": "python3.13", "Handler": "index.handler", "Role": cloud.handler_role, "Code": code}
    template = {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": given}}}
    cloudformation = cloud.client("cloudformation")
    cloudformation.create_stack(StackName="large", TemplateBody=json.dumps(template))
    events = cloudformation.describe_stack_events(StackName="large")["StackEvents"]
    assert "Unzipped size must be smaller than 262144000 bytes" in json.dumps(events, default=str)


# caller identity


def test_the_caller_in_a_handler_is_a_session_of_the_functions_role(cloud: Cloud) -> None:
    source = """
    import boto3
    def handler(event, context):
        caller = boto3.client("sts").get_caller_identity()
        return [caller["Arn"], caller["UserId"].partition(":")[2], caller["Account"]]
    """
    cloud.function("who-am-i", source)
    caller = json.loads(cloud.client("lambda").invoke(FunctionName="who-am-i")["Payload"].read())
    role = cloud.handler_role.rpartition("/")[2]
    assert caller == [f"arn:aws:sts::123456789012:assumed-role/{role}/who-am-i", "who-am-i", "123456789012"]
    assert cloud.client("sts").get_caller_identity()["Arn"].endswith(":user/moto")
