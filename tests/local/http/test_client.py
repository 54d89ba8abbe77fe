"""The local cloud's process: it starts, reports events, and leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from cronstack.errors import CronstackError
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.http.server import cloud_process_on_port
from tests.kit import bound
from tests.kit.processes import ended_within, family
from tests.local.executor.bench import zipped


def started() -> tuple[subprocess.Popen[str], dict[str, Any]]:
    process = bound.popen(
        [sys.executable, "-m", "cronstack_infra.local", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    return process, ready


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Close the input and wait for the end; return exit code and standard error."""
    try:
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, stderr


def test_ready_is_the_first_line_and_the_end_of_input_ends_the_process() -> None:
    process, ready = started()
    assert ready["event"] == "ready"
    assert ready["pid"] == process.pid
    assert ready["endpoint"].startswith("http://127.0.0.1:")
    assert {"at", "seq"} < set(ready)
    assert end(process) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_process_even_while_it_starts(number: signal.Signals) -> None:
    process, _ = started()
    process.send_signal(number)
    process.wait(60)
    assert end(process) == (0, "")


@pytest.mark.parametrize("cause", ["a signal", "the end of input", "both at once"])
def test_a_signal_during_the_wait_for_the_end_does_not_hang(cause: str) -> None:
    """The main thread's wait holds the event's lock for a moment. Here the lock is held for longer."""
    program = (
        "import signal, sys, threading; from cronstack_infra.local.__main__ import end_on_signal_or_eof\n"
        "ended = threading.Event(); end_on_signal_or_eof(ended)\n"
        "with ended._cond:\n"
        "    for number in sys.argv[1:]: signal.raise_signal(int(number))\n"
        "assert ended.wait(60)"
    )
    signals = [] if cause == "the end of input" else [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    with subprocess.Popen(
        [sys.executable, "-c", program, *(str(int(number)) for number in signals)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stdin is not None
        assert waiting.stderr is not None
        if cause != "a signal":
            waiting.stdin.close()
        try:
            assert waiting.wait(60) == 0
        finally:
            waiting.kill()
        assert waiting.stderr.read() == ""


def test_a_cloud_that_ends_while_it_is_assembled_leaves_no_folder(tmp_path: Path) -> None:
    """Its folder exists, CloudFormation is still being imported, and no warden runs yet."""
    process = bound.popen(
        [sys.executable, "-m", "cronstack_infra.local", "--port", "0", "--stacks"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("cronstack-*")):
        assert time.monotonic() < deadline, "the cloud has created no folder"
        time.sleep(0.01)
    assert end(process)[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_the_cloud_ends_when_its_starter_is_killed() -> None:
    """SIGKILL leaves the starter no time to stop the cloud. The port is free afterwards."""
    program = (
        "import sys, time; from cronstack_infra.local.client import LocalCloud; "
        "cloud = LocalCloud.start(); print(cloud.pid, cloud.endpoint, flush=True); time.sleep(60)"
    )
    starter = bound.popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert starter.stdout is not None
        pid, endpoint = starter.stdout.readline().split()
        port = int(endpoint.rpartition(":")[2])
        assert cloud_process_on_port(port) == int(pid)
        starter.kill()
        starter.wait(60)
        starter.stdout.close()
        assert ended_within(int(pid), 60)
        assert cloud_process_on_port(port) is None
    finally:
        starter.kill()


def test_events_reach_the_starter_and_later_readers() -> None:
    seen: Queue[dict[str, Any]] = Queue()
    with LocalCloud.start(on_event=seen.put) as cloud:
        assert seen.get(timeout=60)["event"] == "ready"
        create_schedule(cloud)
        scheduled = seen.get(timeout=60)
        assert scheduled["event"] == "scheduled"
        assert scheduled["schedule"].endswith("/default/once")
        with urllib.request.urlopen(f"{cloud.endpoint}/_cronstack/events?since=1", timeout=60) as response:
            assert json.load(response) == {"events": [scheduled]}
        assert family(cloud.pid) == {cloud.pid}  # the warden starts with the first function
    assert not cloud.running
    cloud.stop()  # a second call has no effect


def create_schedule(cloud: LocalCloud) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = cloud.client("iam").create_role(
        RoleName="scheduler", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    cloud.client("sqs").create_queue(QueueName="target")
    cloud.client("scheduler").create_schedule(
        Name="once",
        ScheduleExpression="at(2190-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:us-east-1:123456789012:target", "RoleArn": role["Role"]["Arn"], "Input": "{}"},
    )


@pytest.mark.parametrize("given", ["0", "-1", "901", "soon", "nan", ""])
def test_an_invalid_timeout_is_refused_at_once(given: str) -> None:
    command = [sys.executable, "-m", "cronstack_infra.local", "--port", "0"]
    environ = os.environ | {"CRONSTACK_LOCAL_TIMEOUT": given}
    process = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout) == (1, "")
    assert f"CRONSTACK_LOCAL_TIMEOUT={given!r} is not a number of seconds above 0 and up to 900" in process.stderr


def test_a_start_that_takes_too_long_is_cancelled() -> None:
    with pytest.raises(CronstackError, match=r"did not answer within 0\.01 s"):
        LocalCloud.start(seconds=0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_of_a_local_cloud_has_the_users_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler has the user's rights, so it can read the initial environment of all these processes."""
    variables = {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_BEARER_TOKEN_BEDROCK",
    }
    source = """
    import os
    def handler(event, context):
        pid, credentials = os.getpid(), {}
        while pid not in (1, event["starter"]):
            with open(f"/proc/{pid}/environ") as environ, open(f"/proc/{pid}/stat") as stat:
                credentials[pid] = [pair for pair in environ.read().split("\\0") if "the-users-own" in pair]
                pid = int(stat.read().rpartition(")")[2].split()[1])
        return credentials
    """
    with monkeypatch.context() as users:
        for name in variables:
            users.setenv(name, "the-users-own")
        cloud = LocalCloud.start()
    with cloud:
        role = cloud.client("iam").create_role(RoleName="x", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        functions = cloud.client("lambda")
        given = {
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Role": role,
            "Code": {"ZipFile": zipped(app=source)},
        }
        functions.create_function(FunctionName="reads", Timeout=10, **given)
        response = functions.invoke(FunctionName="reads", Payload=json.dumps({"starter": os.getpid()}))
        credentials = json.loads(response["Payload"].read())
    assert str(cloud.pid) in credentials
    assert not any(credentials.values()), credentials


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
