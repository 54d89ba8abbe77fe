"""Refusals of Lambda for event source mappings, versions, aliases, permissions and tags."""

from __future__ import annotations

from typing import Any, Final

from cronstack_infra.conformance import lambda_rows
from cronstack_infra.conformance.lambda_rows import CONFLICT, MISSING, MODEL, STALE, VALUE
from cronstack_infra.conformance.values import Base, Error, Row

_RECORDED: Final = "recorded on AWS by LocalStack, test_lambda_api.snapshot.json"
_SOURCES: Final = "recorded on AWS by LocalStack, test_event_source_mapping_sqs.snapshot.json, 2025-11"

_mapping = Base({"FunctionName": "@function@", "EventSourceArn": "@queue-arn-here@", "BatchSize": 5})


def _source(
    rule: str,
    bad: dict[str, Any],
    error: Error,
    source: str,
    good: dict[str, Any] | None = None,
    scene: str = "function and queue",
) -> Row:
    return Row(
        f"source: {rule}",
        "lambda",
        "create_event_source_mapping",
        _mapping(**bad),
        error,
        source,
        _mapping(**(good or {})),
        scene,
    )


def _on(
    rule: str,
    operation: str,
    bad: dict[str, Any],
    error: Error,
    good: dict[str, Any],
    source: str = "",
    scene: str = "version",
    good_operation: str | None = None,
) -> Row:
    source_text = source or f"botocore lambda {operation}, {error.code}"
    function = {"FunctionName": "@function@"}
    return Row(
        rule, "lambda", operation, {**function, **bad}, error, source_text, {**function, **good}, scene, good_operation
    )


_WINDOW: Final = "MaximumBatchingWindowInSeconds"
_MODEL: Final = "botocore lambda CreateEventSourceMapping."

SOURCE_ROWS: Final = (
    _source("batch", {"BatchSize": 0}, MODEL, _MODEL + "BatchSize min 1", {"BatchSize": 1}),
    _source("batch", {"BatchSize": 10001}, MODEL, _MODEL + "BatchSize max 10000", {"BatchSize": 10000, _WINDOW: 1}),
    _source("batch without window", {"BatchSize": 11}, VALUE, _SOURCES, {"BatchSize": 11, _WINDOW: 1}),
    _source("window", {_WINDOW: 301}, MODEL, _MODEL + "MaximumBatchingWindowInSeconds max 300", {_WINDOW: 300}),
    _source(
        "concurrency",
        {"ScalingConfig": {"MaximumConcurrency": 1}},
        MODEL,
        _MODEL + "ScalingConfig.MaximumConcurrency min 2",
        {"ScalingConfig": {"MaximumConcurrency": 2}},
    ),
    _source(
        "concurrency",
        {"ScalingConfig": {"MaximumConcurrency": 1001}},
        MODEL,
        _MODEL + "ScalingConfig.MaximumConcurrency max 1000",
        {"ScalingConfig": {"MaximumConcurrency": 1000}},
    ),
    _source(
        "response types",
        {"FunctionResponseTypes": ["ReportFailures"]},
        MODEL,
        _MODEL + "FunctionResponseTypes enum",
        {"FunctionResponseTypes": ["ReportBatchItemFailures"]},
    ),
    _source("queue: none such", {"EventSourceArn": "@queue-arn-here@x"}, VALUE, _SOURCES),
    _source("queue: omitted", {"EventSourceArn": None}, VALUE, _RECORDED + ": Unrecognized event source."),
    _source("queue: ARN", {"EventSourceArn": "queue"}, MODEL, _MODEL + "EventSourceArn pattern"),
    _source("function: none such", {"FunctionName": "@function@x"}, MISSING, _RECORDED),
    _source(
        "starting position",
        {"StartingPosition": "LATEST"},
        VALUE,
        "recorded on AWS by LocalStack, event_source_mapping/test_api.snapshot.json, 2025-02",
    ),
    _source(
        "starting position",
        {"StartingPosition": "0"},
        MODEL,
        "recorded on AWS by LocalStack, event_source_mapping/test_api.snapshot.json, 2025-02",
    ),
    _source(
        "visibility below the function's timeout",
        {},
        VALUE,
        "reports of AWS's answer: Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
        {"FunctionName": "@quick-function@"},
        scene="slow function and queue",
    ),
    Row(
        "source: exists",
        "lambda",
        "create_event_source_mapping",
        _mapping(),
        CONFLICT,
        _SOURCES,
        _mapping(EventSourceArn="@other-queue-arn@"),
        "mapping",
    ),
    *(
        Row(
            "source: none such",
            "lambda",
            operation,
            {"UUID": "12345678-1234-1234-1234-123456789012", **more},
            MISSING,
            f"botocore lambda {operation}, ResourceNotFoundException",
            {"UUID": "@uuid@", **more},
            "mapping",
        )
        for operation, more in (
            ("get_event_source_mapping", {}),
            ("update_event_source_mapping", {"BatchSize": 3}),
            ("delete_event_source_mapping", {}),
        )
    ),
)

_alias: Final = {"Name": "next", "FunctionVersion": "1"}
_permit = Base(
    {"StatementId": "s1", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"},
)

VERSION_ROWS: Final = (
    _on("alias: version", "create_alias", {**_alias, "FunctionVersion": "7"}, MISSING, _alias, _RECORDED),
    _on("alias: name", "create_alias", {**_alias, "Name": "12"}, MODEL, {**_alias, "Name": "v12"}, "botocore, Alias"),
    _on("alias: name", "create_alias", {**_alias, "Name": "a.b"}, MODEL, {**_alias, "Name": "a_b"}, "botocore, Alias"),
    _on("alias: exists", "create_alias", {**_alias, "Name": "live"}, CONFLICT, _alias),
    _on("alias: none such", "get_alias", {"Name": "gone"}, MISSING, {"Name": "live"}),
    _on(
        "alias: none such",
        "update_alias",
        {"Name": "gone", "Description": "x"},
        MISSING,
        {"Name": "live", "Description": "x"},
    ),
    _on(
        "version: hash",
        "publish_version",
        {"CodeSha256": "nope"},
        VALUE,
        {"Description": "two"},
        _RECORDED,
        scene="function",
    ),
    _on(
        "version: revision",
        "publish_version",
        {"RevisionId": "12345678-1234-1234-1234-123456789012"},
        STALE,
        {},
        _RECORDED,
        scene="function",
    ),
    _on("permission: statement", "add_permission", _permit(StatementId="a b"), MODEL, _permit(), "botocore, pattern"),
    _on("permission: action", "add_permission", _permit(Action="invoke"), MODEL, _permit(), "botocore, pattern"),
    _on("permission: exists", "add_permission", _permit(StatementId="there"), CONFLICT, _permit()),
    _on(
        "permission: function",
        "add_permission",
        {"FunctionName": "@function@x", **_permit()},
        MISSING,
        _permit(),
    ),
    _on(
        "permission: none such",
        "remove_permission",
        {"StatementId": "gone"},
        MISSING,
        {"StatementId": "there"},
    ),
    _on("policy: none", "get_policy", {}, MISSING, _permit(), scene="function", good_operation="add_permission"),
    Row(
        "tags: function",
        "lambda",
        "tag_resource",
        {"Resource": "@function-arn@x", "Tags": {"a": "b"}},
        MISSING,
        "botocore lambda TagResource, ResourceNotFoundException",
        {"Resource": "@function-arn@", "Tags": {"a": "b"}},
        "function",
    ),
    Row(
        "tags: key",
        "lambda",
        "tag_resource",
        {"Resource": "@function-arn@", "Tags": {"a" * 129: "b"}},
        MODEL,
        "botocore lambda TagResource.Tags key max 128",
        {"Resource": "@function-arn@", "Tags": {"a" * 128: "b"}},
        "function",
    ),
    _on(
        "recursion",
        "put_function_recursion_config",
        {"RecursiveLoop": "Forever"},
        MODEL,
        {"RecursiveLoop": "Allow"},
        "botocore lambda PutFunctionRecursionConfig.RecursiveLoop enum",
        scene="function",
    ),
)

ROWS: Final = (
    *lambda_rows.CREATE_ROWS,
    *lambda_rows.CHANGE_ROWS,
    *lambda_rows.EVENT_ROWS,
    *SOURCE_ROWS,
    *VERSION_ROWS,
)
