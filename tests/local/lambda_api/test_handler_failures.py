"""Each way a handler can fail, with real processes on virtual time: seen as Lambda reports it, tried again after one
minute and after two more, then exactly one record at the destination, field by field.

All fail side by side, in one local cloud: time stands still while any of them runs, so it is exact for each.
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
from tests.local.executor.test_orphans import gone
from tests.local.quick_cloud import Cloud
from tests.local.stepped import START, seconds, stepped_cloud

ANY_TRACE = "some lines of a traceback"
EXITED = "RequestId: {id} Error: Runtime exited with error: "


class Failure(NamedTuple):
    source: str
    kind: str
    text: str
    """With {id} for the request id."""
    more: dict[str, Any]
    """Of the payload, beside errorType and errorMessage."""
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
        "import nowhere",
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'nowhere'",
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


class Seen(NamedTuple):
    letters: list[dict[str, Any]]
    """Bodies in the queue."""
    cloud: Cloud
    request_ids: dict[str, str]
    """The asynchronous invocation of each."""
    pids: dict[str, list[int]]
    """What each said to have started."""


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """All of them, invoked once, until each is in the queue."""
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
            answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"to": name}))
            assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
            ids[name] = answer["ResponseMetadata"]["RequestId"]
        pids: dict[str, list[int]] = {name: [] for name in FAILURES}
        ended = 0
        while ended < len(FAILURES):
            event = cloud.next_event(60)
            _listen(event, pids)
            ended += event["event"] == "dead_letter"
        letters: list[dict[str, Any]] = []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            letters += [json.loads(one["Body"]) for one in found]
        yield Seen(letters, cloud, ids, pids)


def _listen(event: dict[str, Any], pids: dict[str, list[int]]) -> None:
    """Note the processes a handler tells of; kill the one that asks for it."""
    said = event.get("line", "").split(" ")
    if event["event"] == "log" and said[0] in ("pid", "kill"):
        pids[event["function"]].append(int(said[1]))
        if said[0] == "kill":
            os.kill(int(said[1]), signal.SIGKILL)


def told(seen: Seen, name: str, event: str) -> list[dict[str, Any]]:
    return [one for one in seen.cloud.told if one["event"] == event and one.get("function") == name]


@pytest.mark.parametrize("name", FAILURES)
def test_three_attempts_of_one_request_after_one_minute_and_two_more(seen: Seen, name: str) -> None:
    started = told(seen, name, "started")
    assert [one["attempt"] for one in started] == [1, 2, 3]
    assert {one["request_id"] for one in started} == {seen.request_ids[name]}
    ends = told(seen, name, "finished")
    assert [one["outcome"] for one in ends] == ["error"] * 3
    retries = told(seen, name, "retry")
    assert [(one["in_seconds"], one["attempt"], one["reason"]) for one in retries] == [
        (60, 2, "failed"),
        (120, 3, "failed"),
    ]
    assert [seconds(one) for one in started] == [0, 60, 180]
    assert [seconds(one) for one in ends] == [0, 60, 180]


@pytest.mark.parametrize("name", FAILURES)
def test_exactly_one_record_field_by_field(seen: Seen, name: str) -> None:
    failure, request_id = FAILURES[name], seen.request_ids[name]
    (letter,) = [one for one in seen.letters if one["requestPayload"] == {"to": name}]
    payload = letter["responsePayload"]
    if failure.more.get("stackTrace") == ANY_TRACE:
        trace = payload["stackTrace"]
        assert all(isinstance(line, str) and line.endswith("\n") for line in trace), trace
        payload["stackTrace"] = ANY_TRACE
    ended = datetime.fromisoformat(told(seen, name, "finished")[-1]["at"])
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
def test_nothing_of_it_lives_on(seen: Seen, name: str) -> None:
    assert len(set(seen.pids[name])) == 3
    assert gone(seen.pids[name])


def test_each_attempt_is_in_the_log_with_start_end_and_report(seen: Seen) -> None:
    logs = seen.cloud.client("logs")
    for name, request_id in seen.request_ids.items():
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{name}")
        texts = [event["message"] for page in pages for event in page["events"]]
        for word in (f"START RequestId: {request_id} Version: $LATEST", f"END RequestId: {request_id}"):
            assert texts.count(word) == 3, name
        assert sum(text.startswith(f"REPORT RequestId: {request_id}\tDuration: ") for text in texts) == 3, name


def test_asked_directly_it_is_the_same_failure(seen: Seen) -> None:
    """Synchronously: status 200, FunctionError, and nobody tries again."""
    for name in ("raises", "exits-3", "lacks-a-module", "returns-a-set"):
        answer = seen.cloud.client("lambda").invoke(FunctionName=name, LogType="Tail")
        assert (answer["StatusCode"], answer["FunctionError"], answer["ExecutedVersion"]) == (
            200,
            "Unhandled",
            "$LATEST",
        )
        assert json.loads(answer["Payload"].read())["errorType"] == FAILURES[name].kind
        assert len(answer["LogResult"]) > 100
    assert len(seen.cloud.events("retry")) == 2 * len(FAILURES)


def test_the_date_of_an_answer_is_the_time_of_the_cloud(seen: Seen) -> None:
    """Whose clock is minutes ahead of this machine's by now."""
    for service, call in (("dynamodb", "list_tables"), ("sqs", "list_queues"), ("scheduler", "list_schedules")):
        answer = getattr(seen.cloud.client(service), call)()
        date = date_of(answer)
        assert date is not None
        assert date / 1000 >= START.timestamp() + 180, service
