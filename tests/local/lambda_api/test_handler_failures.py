"""Each way a handler can fail, with real processes on virtual time.

Each failure is reported as on Lambda, retried after one and after two more minutes, and ends in exactly one record at
the destination. All handlers fail in one local cloud. Virtual time stops while any handler runs, so it is exact.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest

from cronstack.timing.aws_clock import date_of
from tests.local.executor.test_orphans import all_ended
from tests.local.quick_cloud import Cloud
from tests.local.stepped import START, seconds, stepped_cloud

ANY_TRACE = "some lines of a traceback"
EXITED = "RequestId: {id} Error: Runtime exited with error: "


class Failure(NamedTuple):
    source: str
    kind: str
    text: str
    """errorMessage; {id} is replaced by the request id."""
    more: dict[str, Any]
    """Other members of the payload than errorType and errorMessage."""
    fields: dict[str, Any] = {}  # noqa: RUF012  (never changed)


def defined(body: str) -> str:
    return "import os, subprocess, sys, time\ndef handler(event, context):\n    " + body.replace("\n", "\n    ")


RAISED = {"requestId": "{id}", "stackTrace": ANY_TRACE}
EARLY = {"requestId": "", "stackTrace": []}
FAILURES: dict[str, Failure] = {
    "raises": Failure(defined("raise LookupError('no such flight')"), "LookupError", "no such flight", RAISED),
    "hangs": Failure(
        defined("print('pid', os.getpid(), flush=True)\ntime.sleep(300)"),
        "Sandbox.Timedout",
        "RequestId: {id} Error: Task timed out after 1.00 seconds",
        {},
        {"Timeout": 1},
    ),
    "exits": Failure(
        defined("sys.exit(0)"),
        "Runtime.ExitError",
        "RequestId: {id} Error: Runtime exited without providing a reason",
        {},
    ),
    "exits-3": Failure(defined("sys.exit(3)"), "Runtime.ExitError", EXITED + "exit status 3", {}),
    "exits-at-import": Failure(
        "import sys\nsys.exit(4)\ndef handler(e, c): pass", "Runtime.ExitError", EXITED + "exit status 4", {}
    ),
    "eats-memory": Failure(
        defined("print('pid', os.getpid(), flush=True)\neaten = b'x' * (300 << 20)\ntime.sleep(300)"),
        "Runtime.OutOfMemory",
        EXITED + "signal: killed",
        {},
        {"MemorySize": 160, "Timeout": 60},
    ),
    "is-killed": Failure(
        defined("print('kill', os.getpid(), flush=True)\ntime.sleep(300)"),
        "Runtime.ExitError",
        EXITED + "signal: killed",
        {},
        {"Timeout": 60},
    ),
    "leaves-a-child": Failure(
        defined(
            "hangs = [sys.executable, '-S', '-c', 'import time; time.sleep(300)']\n"
            "child = subprocess.Popen(hangs, start_new_session=True)\n"
            "print('pid', child.pid, flush=True)\n"
            "os._exit(5)"
        ),
        "Runtime.ExitError",
        EXITED + "exit status 5",
        {},
    ),
    "floods": Failure(
        defined("for _ in range(1600): print('x' * 65535)\nraise OSError('printed 100 MB')"),
        "OSError",
        "printed 100 MB",
        RAISED,
        {"Timeout": 30},
    ),
    "returns-7-mb": Failure(
        defined("return 'x' * (7 << 20)"),
        "Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        {},
        {"Timeout": 30},
    ),
    "returns-a-set": Failure(
        defined("return {1}"),
        "Runtime.MarshalError",
        "Unable to marshal response: Object of type set is not JSON serializable",
        RAISED,
    ),
    "lacks-a-module": Failure(
        "import missing",
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'missing'",
        EARLY,
    ),
    "is-no-python": Failure(
        "def handler(event, context)\n    pass",
        "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'app': expected ':' (app.py, line 1)",
        {"requestId": "", "stackTrace": ANY_TRACE},
    ),
    "lacks-its-handler": Failure(
        "x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'", EARLY
    ),
    "has-a-bad-name": Failure(
        "", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)", EARLY,
        {"Handler": "app"},
    ),
    "raises-at-import": Failure(
        "1 / 0", "ZeroDivisionError", "division by zero", {"requestId": "", "stackTrace": ANY_TRACE}
    ),
}  # fmt: skip


class Results(NamedTuple):
    letters: list[dict[str, Any]]
    """Bodies of the messages in the queue."""
    cloud: Cloud
    request_ids: dict[str, str]
    """Request id of the asynchronous invocation, by function."""
    pids: dict[str, list[int]]
    """Processes that a function has printed, by function."""


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """Invoke each function once, and wait until each has a record in the queue."""
    with stepped_cloud() as cloud:
        functions, sqs = cloud.client("lambda"), cloud.client("sqs")
        url, arn = cloud.queue("letters")
        ids: dict[str, str] = {}
        for name, failure in FAILURES.items():
            cloud.function(name, failure.source, **{"Timeout": 10} | failure.fields)
            functions.put_function_event_invoke_config(
                FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
            )
        for name in FAILURES:
            response = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"to": name}))
            assert (response["StatusCode"], response["Payload"].read()) == (202, b"")
            ids[name] = response["ResponseMetadata"]["RequestId"]
        pids: dict[str, list[int]] = {name: [] for name in FAILURES}
        ended = 0
        while ended < len(FAILURES):
            event = cloud.next_event(60)
            _collect_pid(event, pids)
            ended += event["event"] == "dead_letter"
        letters: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            letters += [json.loads(message["Body"]) for message in messages]
        yield Results(letters, cloud, ids, pids)


def _collect_pid(event: dict[str, Any], pids: dict[str, list[int]]) -> None:
    """Note a process id that a handler has printed; kill the process if the line starts with "kill"."""
    words = event.get("line", "").split(" ")
    if event["event"] == "log" and words[0] in ("pid", "kill"):
        pids[event["function"]].append(int(words[1]))
        if words[0] == "kill":
            os.kill(int(words[1]), signal.SIGKILL)


def events_of(results: Results, name: str, event: str) -> list[dict[str, Any]]:
    return [past for past in results.cloud.past_events if past["event"] == event and past.get("function") == name]


@pytest.mark.parametrize("name", FAILURES)
def test_three_attempts_of_one_request_after_one_minute_and_two_more(results: Results, name: str) -> None:
    started = events_of(results, name, "started")
    assert [start["attempt"] for start in started] == [1, 2, 3]
    assert {start["request_id"] for start in started} == {results.request_ids[name]}
    ends = events_of(results, name, "finished")
    assert [end["outcome"] for end in ends] == ["error"] * 3
    retries = events_of(results, name, "retry")
    assert [(retry["in_seconds"], retry["attempt"], retry["reason"]) for retry in retries] == [
        (60, 2, "failed"),
        (120, 3, "failed"),
    ]
    assert [seconds(start) for start in started] == [0, 60, 180]
    assert [seconds(end) for end in ends] == [0, 60, 180]


@pytest.mark.parametrize("name", FAILURES)
def test_the_fields_of_the_only_record(results: Results, name: str) -> None:
    failure, request_id = FAILURES[name], results.request_ids[name]
    (letter,) = [letter for letter in results.letters if letter["requestPayload"] == {"to": name}]
    payload = letter["responsePayload"]
    if failure.more.get("stackTrace") == ANY_TRACE:
        trace = payload["stackTrace"]
        assert all(isinstance(line, str) and line.endswith("\n") for line in trace), trace
        payload["stackTrace"] = ANY_TRACE
    ended = datetime.fromisoformat(events_of(results, name, "finished")[-1]["at"])
    assert letter == {
        "version": "1.0",
        "timestamp": f"{ended:%Y-%m-%dT%H:%M:%S}.000Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"to": name},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {
            "errorType": failure.kind,
            "errorMessage": failure.text.format(id=request_id),
            **{
                key: value.format(id=request_id) if key == "requestId" else value for key, value in failure.more.items()
            },
        },
    }


@pytest.mark.parametrize("name", ["hangs", "eats-memory", "is-killed", "leaves-a-child"])
def test_no_process_of_a_failed_handler_stays(results: Results, name: str) -> None:
    assert len(set(results.pids[name])) == 3
    assert all_ended(results.pids[name])


def test_each_attempt_is_in_the_log_with_start_end_and_report(results: Results) -> None:
    logs = results.cloud.client("logs")
    for name, request_id in results.request_ids.items():
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        texts = [event["message"] for page in pages for event in page["events"]]
        for word in (f"START RequestId: {request_id} Version: $LATEST", f"END RequestId: {request_id}"):
            assert texts.count(word) == 3, name
        assert sum(text.startswith(f"REPORT RequestId: {request_id}\tDuration: ") for text in texts) == 3, name


def test_a_synchronous_invoke_returns_the_same_failure(results: Results) -> None:
    """Status 200, FunctionError, and no retry."""
    for name in ("raises", "exits-3", "lacks-a-module", "returns-a-set"):
        response = results.cloud.client("lambda").invoke(FunctionName=name, LogType="Tail")
        assert (response["StatusCode"], response["FunctionError"], response["ExecutedVersion"]) == (
            200,
            "Unhandled",
            "$LATEST",
        )
        assert json.loads(response["Payload"].read())["errorType"] == FAILURES[name].kind
        assert len(response["LogResult"]) > 100
    assert len(results.cloud.events("retry")) == 2 * len(FAILURES)


def test_the_date_of_a_response_is_the_time_of_the_cloud(results: Results) -> None:
    """The cloud's clock is minutes ahead of this machine's here."""
    for service, call in (("dynamodb", "list_tables"), ("sqs", "list_queues"), ("scheduler", "list_schedules")):
        response = getattr(results.cloud.client(service), call)()
        date = date_of(response)
        assert date is not None
        assert date / 1000 >= START.timestamp() + 180, service
