"""The deploy check alone: removals, rollbacks, and that it always answers."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from cronstack.deploy_check import answer, names, waiting
from cronstack.deploy_check.check import handler, judge
from cronstack.deploy_check.names import BY_CODE, JOBS, KEPT, REGARDLESS, RETAINED_ONCE


class Context:
    """The context of an invocation with a minute left, or less."""

    def __init__(self, left: int = 60_000) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


class Cloud:
    """All services, with one plan's schedule for each job, and a stack in some status."""

    def __init__(self, status: str) -> None:
        self.status = status

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        if not self.status:
            raise ConnectionError("no answer")
        return {"Stacks": [{"StackStatus": self.status}]}

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": []}

    def list_schedules(self, **_: Any) -> dict[str, Any]:
        return {"Schedules": [{}]}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": "2"}}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (names.LEDGER, names.CARRIERS, names.PLANS_GROUP, names.QUEUES):
        monkeypatch.setenv(name, "x")
    monkeypatch.delenv(names.DELETE_UNTIL, raising=False)


def use(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    cloud = Cloud(status)
    for service in ("cloudformation", "dynamodb", "scheduler", "sqs"):
        monkeypatch.setitem(waiting._clients, service, cloud)


def update(old: dict[str, Any], new: dict[str, Any], status: str, monkeypatch: pytest.MonkeyPatch) -> str:
    use(monkeypatch, status)
    event = {"RequestType": "Update", "StackId": "arn", "OldResourceProperties": old, "ResourceProperties": new}
    return judge(event, Context())


BOTH = {JOBS: ["pay", "remind"], BY_CODE: ["remind"]}


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        (BOTH, {**BOTH, JOBS: ["new", "pay", "remind"]}, False),
        (BOTH, {JOBS: ["remind"], BY_CODE: ["remind"], KEPT: ["pay"]}, True),
        (BOTH, {JOBS: ["pay"], KEPT: ["remind"]}, True),
        (BOTH, {JOBS: ["pay"], KEPT: ["remind"], REGARDLESS: "remind"}, False),
        (BOTH, {JOBS: ["pay"], KEPT: ["remind"], REGARDLESS: "all"}, False),
        (BOTH, {JOBS: ["pay"], KEPT: ["remind"], REGARDLESS: "pay"}, True),
        (BOTH, {JOBS: ["pay", "remind"], RETAINED_ONCE: ["remind"]}, True),
        ({JOBS: ["pay"], KEPT: ["remind"]}, {JOBS: ["pay"]}, True),
        ({JOBS: ["pay"], KEPT: ["remind"]}, {JOBS: ["pay", "remind"]}, False),
        ({JOBS: ["pay"], RETAINED_ONCE: ["pay"]}, {JOBS: ["pay"]}, True),
        ({JOBS: ["pay"], RETAINED_ONCE: ["pay"]}, {JOBS: ["pay"], BY_CODE: ["pay"]}, False),
        ({**BOTH, REGARDLESS: "all"}, BOTH, False),
        ({}, BOTH, False),
    ],
)
def test_an_update_that_removes_a_waiting_job_is_refused(
    old: dict[str, Any], new: dict[str, Any], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bool(update(old, new, "UPDATE_IN_PROGRESS", monkeypatch)) is refused


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""])
def test_a_rollback_is_never_refused(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the status cannot be read: an update that fails twice would leave the stack broken."""
    assert update(BOTH, {JOBS: ["pay"]}, status, monkeypatch) == ""


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        ("DELETE_IN_PROGRESS", True),
        ("", True),
        ("ROLLBACK_IN_PROGRESS", False),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", False),
    ],
)
def test_a_deletion_is_refused_while_something_waits(
    status: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, status)
    event = {"RequestType": "Delete", "StackId": "arn", "ResourceProperties": BOTH}
    reason = judge(event, Context())
    assert reason.startswith("1 planned occurrence and 1 unfinished run and 2 dead letters wait. ") is refused
    monkeypatch.setenv(names.DELETE_UNTIL, "99999999999")
    assert judge(event, Context()) == ""


def test_without_time_for_the_check_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "UPDATE_IN_PROGRESS")
    event = {"RequestType": "Update", "StackId": "arn", "OldResourceProperties": BOTH, "ResourceProperties": {JOBS: []}}
    assert "did not finish" in judge(event, Context(left=5_000))


class _Answers(BaseHTTPRequestHandler):
    got: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def do_PUT(self) -> None:
        self.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_an_exception_is_sent_as_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer, CloudFormation would wait for a minute, and report only a timeout."""
    use(monkeypatch, "UPDATE_IN_PROGRESS")
    monkeypatch.delenv(names.CARRIERS)
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        Thread(target=server.handle_request, daemon=True).start()
        about = {"StackId": "arn", "RequestId": "r-1", "LogicalResourceId": "Check", "PhysicalResourceId": "p"}
        url = f"http://127.0.0.1:{server.server_port}/answer?signature=é".replace("é", "%C3%A9")
        properties = {"OldResourceProperties": {JOBS: ["x" * 60, "é"]}, "ResourceProperties": {JOBS: []}}
        handler({"RequestType": "Update", "ResponseURL": url, **about, **properties}, Context())
    ((path, got),) = _Answers.got
    assert path == "/answer?signature=%C3%A9"
    assert got.pop("Reason").startswith("The check failed: KeyError: ")
    assert got == {"Status": "FAILED", **about}


def test_a_reason_fits_an_answer() -> None:
    """CloudFormation reads 4,096 bytes, and cuts a long reason: its start and its end must remain."""
    cut = answer.cut("begin" + "é" * 5000 + "end")
    assert len(json.dumps(cut)) < 800
    assert cut.startswith("begin")
    assert cut.endswith("end")
