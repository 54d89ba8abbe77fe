"""Probes of Lambda: invocations, and their sources."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from cronstack_infra.local.moto import privates
from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import (
    ACCOUNT,
    REGION,
    arn_of_queue,
    client,
    code_of,
    fails,
    function,
    queue,
)

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


@contextmanager
def _without_docker() -> Iterator[None]:
    """Hide a running Docker for the block: it would download an image."""
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    try:
        yield
    finally:
        del os.environ["DOCKER_HOST"]
        if before is not None:
            os.environ["DOCKER_HOST"] = before


def _backend() -> Any:
    from moto.awslambda.models import lambda_backends

    return lambda_backends[ACCOUNT][REGION]


def _recorded_runs(*, fails: bool = False) -> list[tuple[int, Any]]:
    """Return a list to which the function f appends the thread and event of each invocation, without Docker."""
    runs: list[tuple[int, Any]] = []

    def run(event: Any) -> tuple[str, bool, str]:
        runs.append((threading.get_ident(), event))
        return "{}", fails, ""

    privates.run_by(_backend().get_function("f"), run)
    return runs


@probe
def invoke_needs_docker() -> bool:
    """Invoke does not run the code of a function without Docker."""
    called = function()
    with _without_docker():
        return bool(called.invoke(FunctionName="f", Payload=b"{}")["Payload"].read() != b'"ours"')


@probe
def an_event_runs_in_the_thread_of_its_sender() -> bool:
    """An asynchronous Invoke runs the function before it returns, in the thread of the request."""
    called = function()
    runs = _recorded_runs()
    called.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    return [thread for thread, _ in runs] == [threading.get_ident()]


@probe
def a_topic_runs_a_function_in_the_thread_of_its_sender() -> bool:
    """Publish runs a subscribed function before it returns, in the thread of the request."""
    runs = _published()
    return [thread for thread, _ in runs] == [threading.get_ident()]


def _published() -> list[tuple[int, Any]]:
    """Publish a message to a topic with one subscribed function."""
    function()
    sns = client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=ARN)
    runs = _recorded_runs()
    sns.publish(TopicArn=topic, Message="x")
    return runs


@probe
def invoke_async_runs_in_the_thread_of_its_sender() -> bool:
    """InvokeAsync runs the function before it returns, in the thread of the request."""
    called = function()
    runs = _recorded_runs()
    called.invoke_async(FunctionName="f", InvokeArgs=b"{}")
    return [thread for thread, _ in runs] == [threading.get_ident()]


@probe
def reserved_concurrency_is_only_stored() -> bool:
    """A function with a reserved concurrency of 0 is invoked."""
    called = function()
    called.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    runs = _recorded_runs()
    return not fails(lambda: called.invoke(FunctionName="f"), ClientError) and len(runs) == 1


@probe
def the_request_id_of_a_response_is_replaced() -> bool:
    """moto replaces the request id of a response by a new one."""
    headers, _ = privates.enriched({"x-amzn-requestid": "ours"}, "")
    return "ours" not in {value for name, value in headers.items() if name.lower() == "x-amzn-requestid"}


@probe
def a_created_function_starts_nothing() -> bool:
    """A new function starts no process and no thread in which its first invocation could run."""
    before = threading.active_count()
    function()
    return threading.active_count() == before


@probe
def a_failed_event_is_not_retried() -> bool:
    """An asynchronous event whose function fails runs once, without a retry."""
    called = function()
    runs = _recorded_runs(fails=True)
    called.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    return len(runs) == 1 and threading.active_count() == 1


@probe
def a_topic_passes_an_example_arn_to_each_function() -> bool:
    """The record that SNS passes to a function has an example ARN as its topic."""
    records = [event["Records"][0]["Sns"] for _, event in _published()]
    return [record["TopicArn"] for record in records] == ["arn:aws:sns:EXAMPLE"]


# -- event sources -----------------------------------------------------------------------------------------------------
def _mapped(**more: Any) -> Any:
    """Map a queue to a function; return Lambda's response."""
    function()
    queue()
    return client("lambda").create_event_source_mapping(EventSourceArn=arn_of_queue(), FunctionName="f", **more)


@probe
def one_queue_is_mapped_twice_to_one_function() -> bool:
    """A second mapping of the same queue and function is accepted."""
    _mapped()
    again = {"EventSourceArn": arn_of_queue(), "FunctionName": "f"}
    return code_of(lambda: client("lambda").create_event_source_mapping(**again)) == ""


@probe
def a_new_mapping_is_enabled_at_once() -> bool:
    """A mapping is never in the state Creating."""
    return bool(_mapped()["State"] == "Enabled")


@probe
def an_updated_mapping_is_never_updating() -> bool:
    """A mapping is never in the state Updating."""
    uuid = _mapped()["UUID"]
    return bool(client("lambda").update_event_source_mapping(UUID=uuid, BatchSize=5)["State"] != "Updating")


@probe
def an_update_accepts_a_large_batch_without_a_window() -> bool:
    """An update to more than ten messages without a batching window is accepted."""
    uuid = _mapped()["UUID"]
    return code_of(lambda: client("lambda").update_event_source_mapping(UUID=uuid, BatchSize=100)) == ""


@probe
def a_deleted_mapping_still_invokes() -> bool:
    """A message that is sent after the deletion of the mapping invokes the function."""
    uuid = _mapped()["UUID"]
    client("lambda").delete_event_source_mapping(UUID=uuid)
    runs = _recorded_runs()
    client("sqs").send_message(QueueUrl="q", MessageBody="x")
    return len(runs) == 1


@probe
def deleting_a_missing_mapping_has_an_unknown_code() -> bool:
    """Deleting a mapping that does not exist fails with a code that Lambda does not have."""
    unknown = "00000000-0000-4000-8000-000000000000"
    return code_of(lambda: client("lambda").delete_event_source_mapping(UUID=unknown)) != "ResourceNotFoundException"


@probe
def a_mapping_is_listed_only_by_its_original_function_name() -> bool:
    """A mapping that was created with the name of a function is not listed by its ARN."""
    _mapped()
    return bool(client("lambda").list_event_source_mappings(FunctionName=ARN)["EventSourceMappings"] == [])


@probe
def a_mapping_does_not_show_the_default_window() -> bool:
    """The configuration of a mapping of a queue lacks the batching window of 0 seconds, which it has by default."""
    return "MaximumBatchingWindowInSeconds" not in _mapped()
