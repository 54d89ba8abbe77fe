"""Refusals of Lambda for functions, each with its nearest accepted neighbour."""

from __future__ import annotations

import json
from typing import Any, Final

from cronstack_infra.conformance.values import Base, Error, Row

MODEL: Final = Error("ValidationException", 400)
VALUE: Final = Error("InvalidParameterValueException", 400)
MISSING: Final = Error("ResourceNotFoundException", 404)
CONFLICT: Final = Error("ResourceConflictException", 409)
CONTENT: Final = Error("InvalidRequestContentException", 400)
TOO_LARGE: Final = Error("RequestTooLargeException", 413)
STALE: Final = Error("PreconditionFailedException", 412)

_RECORDED: Final = "recorded on AWS by LocalStack, test_lambda_api.snapshot.json"
_QUOTAS: Final = "AWS documentation, gettingstarted-limits"

_function = Base(
    {
        "FunctionName": "@name@",
        "Runtime": "python3.13",
        "Handler": "app.handler",
        "Role": "@lambda-role@",
        "Code": {"ZipFile": "@zip@"},
        "Timeout": 5,
        "MemorySize": 128,
    }
)
_EXISTING: Final = {"FunctionName": "@function@"}


def _create(rule: str, error: Error, source: str, bad: dict[str, Any], good: dict[str, Any] | None = None) -> Row:
    return Row(rule, "lambda", "create_function", _function(**bad), error, source, _function(**(good or {})))


def _on(
    rule: str,
    operation: str,
    bad: dict[str, Any],
    error: Error,
    good: dict[str, Any],
    source: str = "",
    *,
    scene: str = "function",
    good_operation: str | None = None,
) -> Row:
    source_text = source or f"botocore lambda {operation}, {error.code}"
    return Row(
        rule,
        "lambda",
        operation,
        {**_EXISTING, **bad},
        error,
        source_text,
        {**_EXISTING, **good},
        scene,
        good_operation,
    )


def _model(member: str, constraint: str) -> str:
    return f"botocore lambda CreateFunction.{member} {constraint}"


CREATE_ROWS: Final = (
    _create("name", MODEL, _model("FunctionName", "pattern"), {"FunctionName": "a b"}, {"FunctionName": "@name@_b"}),
    _create("name", MODEL, _model("FunctionName", "max 140"), {"FunctionName": "@name@" + "f" * 140}),
    _create("required", MODEL, _model("Role", "required"), {"Role": None}),
    _create("required", MODEL, _model("Code", "required"), {"Code": None}),
    _create("role: ARN", MODEL, _model("Role", "pattern"), {"Role": "r1"}),
    _create("role: ARN", MODEL, _model("Role", "pattern"), {"Role": "arn:aws:iam::123456789012:user/me"}),
    _create("role: trust", VALUE, "reports of AWS's answer: cannot be assumed by Lambda", {"Role": "@scheduler-role@"}),
    _create("role: trust", VALUE, "reports of AWS's answer: cannot be assumed by Lambda", {"Role": "@no-role@"}),
    _create("timeout", MODEL, _model("Timeout", "min 1"), {"Timeout": 0}, {"Timeout": 1}),
    _create("timeout", MODEL, _model("Timeout", "max"), {"Timeout": 5401}, {"Timeout": 900}),
    _create("memory", MODEL, _model("MemorySize", "min 128"), {"MemorySize": 127}, {"MemorySize": 128}),
    _create("memory", MODEL, _model("MemorySize", "max"), {"MemorySize": 32769}, {"MemorySize": 3008}),
    _create("handler", MODEL, _model("Handler", "max 128"), {"Handler": "h" * 129}, {"Handler": "h" * 128}),
    _create("handler", MODEL, _model("Handler", "pattern"), {"Handler": "app handler"}, {"Handler": "app.handler"}),
    _create("handler", VALUE, _RECORDED + ", mandatory for zips", {"Handler": None}),
    _create("runtime", VALUE, _RECORDED, {"Runtime": "cobol85"}, {"Runtime": "python3.12"}),
    _create("runtime", VALUE, _RECORDED, {"Runtime": "PYTHON3.13"}),
    _create("runtime", VALUE, _RECORDED + ", mandatory for zips", {"Runtime": None}),
    _create("zip", VALUE, _RECORDED, {"Code": {"ZipFile": "@no-zip@"}}),
    _create("zip", VALUE, _RECORDED, {"Code": {"ZipFile": ""}}),
    _create("zip", VALUE, "reports of AWS's answer: Please provide a source for function code", {"Code": {}}),
    _create(
        "description", MODEL, _model("Description", "max 256"), {"Description": "d" * 257}, {"Description": "d" * 256}
    ),
    _create("architecture", MODEL, _model("Architectures", "enum"), {"Architectures": ["X86_64"]}),
    _create("architecture", MODEL, _model("Architectures", "max 1"), {"Architectures": ["x86_64", "arm64"]}),
    _create("package", MODEL, _model("PackageType", "enum"), {"PackageType": "Tar"}, {"PackageType": "Zip"}),
    _create("storage", MODEL, _model("EphemeralStorage.Size", "min 512"), {"EphemeralStorage": {"Size": 511}}),
    _create(
        "storage",
        MODEL,
        _model("EphemeralStorage.Size", "max"),
        {"EphemeralStorage": {"Size": 40000}},
        {"EphemeralStorage": {"Size": 10240}},
    ),
    _create(
        "tracing",
        MODEL,
        _model("TracingConfig.Mode", "enum"),
        {"TracingConfig": {"Mode": "On"}},
        {"TracingConfig": {"Mode": "Active"}},
    ),
    _create(
        "environment: names",
        MODEL,
        _model("Environment.Variables", "key pattern"),
        {"Environment": {"Variables": {"1A": "x"}}},
        {"Environment": {"Variables": {"A1": "x"}}},
    ),
    _create(
        "environment: names",
        MODEL,
        _model("Environment.Variables", "key pattern"),
        {"Environment": {"Variables": {"a-b": "x"}}},
        {"Environment": {"Variables": {"a_b": "x"}}},
    ),
    _create(
        "environment: reserved",
        VALUE,
        "AWS documentation, configuration-envvars",
        {"Environment": {"Variables": {"AWS_REGION": "x"}}},
        {"Environment": {"Variables": {"MY_REGION": "x"}}},
    ),
    _create(
        "environment: reserved",
        VALUE,
        "AWS documentation, configuration-envvars",
        {"Environment": {"Variables": {"AWS_LAMBDA_FUNCTION_NAME": "x"}}},
        {"Environment": {"Variables": {"TZ": "Europe/Berlin"}}},
    ),
    _create(
        "environment: size",
        VALUE,
        _QUOTAS + ", 4 KB",
        {"Environment": {"Variables": {"TEXT": "x" * 4097}}},
        {"Environment": {"Variables": {"TEXT": "x" * 4000}}},
    ),
    _create(
        "dead letters",
        MODEL,
        _model("DeadLetterConfig.TargetArn", "pattern"),
        {"DeadLetterConfig": {"TargetArn": "letters"}},
        {"DeadLetterConfig": {"TargetArn": "@queue-arn@"}},
    ),
    _create(
        "tags",
        MODEL,
        _model("Tags", "key max 128"),
        {"Tags": {"k" * 129: "v"}},
        {"Tags": {"k" * 128: "v"}},
    ),
    _on("exists", "create_function", _function(FunctionName="@function@"), CONFLICT, _function()),
)

CHANGE_ROWS: Final = (
    _on("update: timeout", "update_function_configuration", {"Timeout": 0}, MODEL, {"Timeout": 7}, "botocore, min 1"),
    _on("update: memory", "update_function_configuration", {"MemorySize": 64}, MODEL, {"MemorySize": 256}, "botocore"),
    _on("update: role", "update_function_configuration", {"Role": "r1"}, MODEL, {"Role": "@lambda-role@"}, "botocore"),
    _on(
        "update: runtime",
        "update_function_configuration",
        {"Runtime": "x"},
        VALUE,
        {"Runtime": "python3.12"},
        _RECORDED,
    ),
    _on(
        "update: reserved",
        "update_function_configuration",
        {"Environment": {"Variables": {"LAMBDA_TASK_ROOT": "x"}}},
        VALUE,
        {"Environment": {"Variables": {"TASK_ROOT": "x"}}},
        "AWS documentation, configuration-envvars",
    ),
    _on("update: zip", "update_function_code", {"ZipFile": "@no-zip@"}, VALUE, {"ZipFile": "@zip@"}, _RECORDED),
    _on(
        "update: revision",
        "update_function_configuration",
        {"Timeout": 7, "RevisionId": "12345678-1234-1234-1234-123456789012"},
        STALE,
        {"Timeout": 7},
        _RECORDED,
    ),
    *(
        _on(
            "no such function",
            operation,
            {**_EXISTING, "FunctionName": "@function@x", **more},
            MISSING,
            more,
            _RECORDED,
        )
        for operation, more in (
            ("get_function", {}),
            ("invoke", {"Payload": "{}"}),
            ("update_function_configuration", {"Timeout": 7}),
            ("publish_version", {}),
            ("delete_function", {}),
        )
    ),
    _on("no such version", "get_function", {"Qualifier": "77"}, MISSING, {"Qualifier": "$LATEST"}, _RECORDED),
    _on("no such version", "invoke", {"Qualifier": "live"}, MISSING, {"Qualifier": "$LATEST"}, _RECORDED),
    _on("no such version", "get_function_configuration", {"Qualifier": "9"}, MISSING, {}, _RECORDED),
    _on(
        "qualifier twice",
        "get_function",
        {"FunctionName": "@function-arn@:2", "Qualifier": "$LATEST"},
        VALUE,
        {"FunctionName": "@function-arn@:$LATEST", "Qualifier": "$LATEST"},
        _RECORDED + ", 2023-11: The derived qualifier from the function name does not match",
    ),
    _on("invoke: type", "invoke", {"InvocationType": "Later"}, MODEL, {"InvocationType": "Event"}, "botocore, enum"),
    _on(
        "invoke: log", "invoke", {"LogType": "Head"}, MODEL, {"LogType": "Tail"}, "botocore lambda Invoke.LogType enum"
    ),
    _on("invoke: payload", "invoke", {"Payload": "{nope"}, CONTENT, {"Payload": '{"a": 1}'}, _RECORDED),
    _on(
        "invoke: payload",
        "invoke",
        {"InvocationType": "Event", "Payload": "nope"},
        CONTENT,
        {"InvocationType": "Event", "Payload": "[]"},
        _RECORDED,
    ),
    _on(
        "invoke: size",
        "invoke",
        {"InvocationType": "Event", "Payload": json.dumps("x" * (1024 * 1024))},
        TOO_LARGE,
        {"InvocationType": "Event", "Payload": json.dumps("x" * (200 * 1024))},
        _QUOTAS + ", 1 MB asynchronous",
    ),
    _on(
        "invoke: size",
        "invoke",
        {"Payload": json.dumps("x" * (6 * 1024 * 1024 + 8))},
        TOO_LARGE,
        {"Payload": json.dumps("x" * (1024 * 1024))},
        _QUOTAS + ", 6 MB synchronous",
    ),
    _on(
        "concurrency",
        "put_function_concurrency",
        {"ReservedConcurrentExecutions": -1},
        MODEL,
        {"ReservedConcurrentExecutions": 0},
        "botocore lambda PutFunctionConcurrency.ReservedConcurrentExecutions min 0",
    ),
    _on(
        "concurrency",
        "put_function_concurrency",
        {"ReservedConcurrentExecutions": 1_000_000},
        VALUE,
        {"ReservedConcurrentExecutions": 1},
        "reports of AWS's answer: decreases account's UnreservedConcurrentExecution below its minimum",
    ),
    Row(
        "list",
        "lambda",
        "list_functions",
        {"MaxItems": 0},
        MODEL,
        "botocore lambda ListFunctions.MaxItems min 1",
        {"MaxItems": 1},
    ),
)

_letters: Final = {"DestinationConfig": {"OnFailure": {"Destination": "@queue-arn@"}}}


def _events(rule: str, bad: dict[str, Any], good: dict[str, Any], error: Error = MODEL, source: str = "") -> Row:
    source_text = source or "botocore lambda PutFunctionEventInvokeConfig, " + rule
    return _on(rule, "put_function_event_invoke_config", bad, error, good, source_text)


EVENT_ROWS: Final = (
    _events("events: retries", {"MaximumRetryAttempts": 3}, {"MaximumRetryAttempts": 2}),
    _events("events: retries", {"MaximumRetryAttempts": -1}, {"MaximumRetryAttempts": 0}),
    _events("events: age", {"MaximumEventAgeInSeconds": 59}, {"MaximumEventAgeInSeconds": 60}),
    _events("events: age", {"MaximumEventAgeInSeconds": 21601}, {"MaximumEventAgeInSeconds": 21600}),
    _events("events: destination", {"DestinationConfig": {"OnFailure": {"Destination": "letters"}}}, _letters),
    _events("events: no setting", {}, {"MaximumRetryAttempts": 1}, VALUE, _RECORDED),
    _events(
        "events: itself",
        {"DestinationConfig": {"OnFailure": {"Destination": "@function-arn@"}}},
        _letters,
        VALUE,
        _RECORDED,
    ),
    _events(
        "events: FIFO queue",
        {"DestinationConfig": {"OnFailure": {"Destination": "@queue-arn@.fifo"}}},
        _letters,
        VALUE,
        "AWS documentation, invocation-async-retain-records, standard queues",
    ),
    _on(
        "events: none",
        "get_function_event_invoke_config",
        {},
        MISSING,
        {"MaximumRetryAttempts": 1},
        _RECORDED,
        good_operation="put_function_event_invoke_config",
    ),
    _on(
        "events: none",
        "delete_function_event_invoke_config",
        {},
        MISSING,
        {"MaximumRetryAttempts": 0},
        _RECORDED,
        good_operation="put_function_event_invoke_config",
    ),
    _on(
        "events: no such function",
        "put_function_event_invoke_config",
        {"FunctionName": "@function@x", "MaximumRetryAttempts": 1},
        MISSING,
        {"MaximumRetryAttempts": 1},
        _RECORDED,
    ),
)
