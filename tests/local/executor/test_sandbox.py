"""The surroundings of a handler process: environment, files, modules, log; and the reuse of sandboxes."""

from __future__ import annotations

import io
import json
import os
import re
import time
import zipfile

import pytest

from tests.kit.processes import ended_within
from tests.local.executor.bench import Bench, bench, function, zipped

SELF = """
import json, os, sys, time
started = time.time()
calls = 0
def handler(event, context):
    global calls
    calls += 1
    time.sleep(event.get("sleep", 0))
    return {
        "pid": os.getpid(), "calls": calls, "cwd": os.getcwd(), "environ": dict(os.environ), "path": sys.path,
        "group": os.getpgid(0), "session": os.getsid(0), "argv": sys.argv, "modules": sorted(sys.modules),
        "context": {
            "aws_request_id": context.aws_request_id, "function_name": context.function_name,
            "function_version": context.function_version, "memory": context.memory_limit_in_mb,
            "arn": context.invoked_function_arn, "group": context.log_group_name, "stream": context.log_stream_name,
            "client_context": context.client_context, "left": context.get_remaining_time_in_millis(),
        },
        "local": time.strftime("%H", time.localtime(0)),
    }
"""


LAMBDA_VARIABLES = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "TZ",
}
LOCAL_VARIABLES = {
    "AWS_CONFIG_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_ENDPOINT_URL",
    "AWS_SHARED_CREDENTIALS_FILE",
    "CRONSTACK_LOCAL_TIMEOUT",
    "TMPDIR",
}
"""Variables that direct a handler to the local cloud, hide this machine's credentials, and limit its time."""


def test_the_environment_has_lambdas_variables_and_the_functions_own(runs: Bench) -> None:
    runs.recorder.streams.clear()
    job = function(SELF, name="shop-stats", memory=300, environment={"COLOUR": "red", "AWS_REGION": "mars-1"})
    result = json.loads(runs.run(job).payload)
    environ = result["environ"]
    root = result["cwd"]
    assert environ["LAMBDA_TASK_ROOT"] == root
    expected = {
        "_HANDLER": "app.handler",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "shop-stats",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "300",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/shop-stats",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "COLOUR": "red",
    }
    assert expected.items() <= environ.items()
    assert environ["AWS_ACCESS_KEY_ID"].startswith("ASIACRONSTACK")
    assert len(environ["AWS_ACCESS_KEY_ID"]) == 20
    assert environ["AWS_LAMBDA_LOG_STREAM_NAME"] == runs.recorder.streams[-1] == result["context"]["stream"]
    assert environ["AWS_LAMBDA_RUNTIME_API"].startswith("127.0.0.1:")
    assert environ["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert set(environ) == LAMBDA_VARIABLES | LOCAL_VARIABLES | {"COLOUR"}
    assert result["local"] == "00"


def test_the_context_has_lambdas_fields(runs: Bench) -> None:
    request_id = runs.submit(function(SELF, name="stats", timeout=7))
    context = json.loads(runs.next().payload)["context"]
    assert context["aws_request_id"] == request_id
    assert context["function_name"] == "stats"
    assert context["memory"] == "512"
    assert context["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:stats"
    assert 5000 < context["left"] <= 7000


def test_a_process_has_its_own_group_and_session(runs: Bench) -> None:
    result = json.loads(runs.run(function(SELF)).payload)
    assert result["pid"] == result["group"] == result["session"]


def test_modules_come_only_from_the_zip_and_lambdas_image(runs: Bench) -> None:
    code = zipped(
        app="import mine.part, boto3\ndef handler(e, c): return [mine.part.X, boto3.__name__]", mine__part="X = 42"
    )
    assert json.loads(runs.run(function("", code=code, code_sha256="parts")).payload) == [42, "boto3"]
    for missing in ("pytest", "moto", "cronstack", "cronstack_infra", "click"):
        outcome = runs.run(function(f"import {missing}\ndef handler(e, c): pass", name=f"uses-{missing}"))
        assert outcome.error == "Runtime.ImportModuleError"
        assert f"No module named '{missing}'" in outcome.payload.decode()


@pytest.mark.parametrize("name", ["boto3", "six"])
def test_a_package_in_the_zip_has_priority_over_the_image(runs: Bench, name: str) -> None:
    code = zipped(app=f"import {name}\ndef handler(e, c): return {name}.OURS", **{name: "OURS = 'mine'"})
    assert runs.run(function("", code=code, code_sha256=f"own-{name}", name=f"own-{name}")).payload == b'"mine"'


def test_a_zip_cannot_write_outside_of_its_folder(runs: Bench) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", "import os\ndef handler(e, c): return sorted(os.listdir('.'))")
        archive.writestr("../../outside.py", "")
    assert json.loads(runs.run(function("", code=data.getvalue(), code_sha256="slip")).payload) == [
        "app.py",
        "outside.py",
    ]


def test_a_warm_process_serves_the_next_event(runs: Bench) -> None:
    job = function(SELF, name="warm")
    first, second = (json.loads(runs.run(job).payload) for _ in range(2))
    assert (first["pid"], first["calls"], second["calls"]) == (second["pid"], 1, 2)


def test_after_an_exception_the_process_is_reused(runs: Bench) -> None:
    job = function("import os\ndef handler(e, c):\n    if e: raise ValueError\n    return os.getpid()", name="raises")
    first = runs.run(job).payload
    assert not runs.run(job, {"x": 1}).ok
    assert runs.run(job).payload == first


def test_each_running_event_has_its_own_process(runs: Bench) -> None:
    job = function(SELF, name="many")
    began = time.monotonic()
    for _ in range(6):
        runs.submit(job, {"sleep": 2})
    results = [json.loads(runs.next().payload) for _ in range(6)]
    assert len({result["pid"] for result in results}) == 6
    assert time.monotonic() - began < 12, "they ran one after the other"


@pytest.mark.parametrize("change", [{"environment": {"A": "2"}}, {"timeout": 9}, {"code_sha256": "new"}])
def test_a_changed_function_gets_a_new_process(runs: Bench, change: dict[str, object]) -> None:
    name = "changes-" + next(iter(change))
    old, new = function(SELF, name=name), function(SELF, name=name, **change)
    first = json.loads(runs.run(old).payload)
    assert json.loads(runs.run(old).payload)["pid"] == first["pid"]
    assert json.loads(runs.run(new).payload)["pid"] != first["pid"]


def test_the_log_has_lambdas_order_and_all_output_of_the_handler(runs: Bench) -> None:
    source = """
    import logging, sys
    def handler(event, context):
        print("to stdout")
        print("to stderr", file=sys.stderr)
        logging.warning("by the logger")
        sys.stdout.write("without an end")
    """
    runs.recorder.log.clear()
    request_id = runs.submit(function(source, name="writes"))
    outcome = runs.next()
    log = runs.recorder.log
    assert log[0] == "INIT_START Runtime Version: python3.13 (local)"
    assert log[1] == f"START RequestId: {request_id} Version: $LATEST"
    assert log[2:4] == ["to stdout", "to stderr"]
    assert log[4].startswith("[WARNING]\t")
    assert log[4].endswith(f"{request_id}\tby the logger")
    assert log[5] == "without an end"
    assert log[6] == f"END RequestId: {request_id}"
    assert log[7].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "\tMemory Size: 512 MB\t" in log[7]
    used = re.search(r"\tMax Memory Used: (\d+) MB\t", log[7])
    assert used is not None
    assert 5 <= int(used[1]) <= 512, "a Python process, however short its work was"
    assert "\tInit Duration: " in log[7]
    assert outcome.log_tail.decode().splitlines() == log[1:]


def test_the_log_tail_is_four_kilobytes(runs: Bench) -> None:
    outcome = runs.run(function("def handler(e, c):\n    for n in range(2000): print('line', n)", name="talks"))
    assert len(outcome.log_tail) == 4096
    assert b"line 1999\nEND RequestId" in outcome.log_tail


def test_a_hundred_megabytes_of_output_are_read_and_mostly_dropped(runs: Bench) -> None:
    source = """
    def handler(event, context):
        for _ in range(1600):
            print("x" * 65535)
        return "done"
    """
    runs.recorder.log.clear()
    assert runs.run(function(source, name="floods", timeout=60)).payload == b'"done"'
    assert sum(map(len, runs.recorder.log)) < 6 * 1024 * 1024
    assert any("is dropped" in line for line in runs.recorder.log)


def test_a_hundred_megabytes_in_short_lines_are_read_too(runs: Bench) -> None:
    source = """
    import sys
    def handler(event, context):
        for _ in range(400):
            sys.stdout.write("x\\n" * 131072)
        print("the end")
        sys.stdout.write("without an end")
    """
    runs.recorder.log.clear()
    outcome = runs.run(function(source, name="patters", timeout=60))
    assert outcome.ok
    assert len(runs.recorder.log) < 50_100
    assert b"\nthe end\nwithout an end\nEND RequestId" in outcome.log_tail
    assert len(outcome.log_tail) == 4096


def test_a_child_that_never_stops_writing_delays_no_invocation(runs: Bench) -> None:
    source = """
    import subprocess
    def handler(event, context):
        child = subprocess.Popen(["yes"], start_new_session=True)
        return child.pid
    """
    job = function(source, name="leaves-a-writer", timeout=30)
    first = runs.run(job)
    assert first.ok
    assert first.seconds < 20
    assert runs.run(job).ok
    ended = runs.run(function("import time\ndef handler(e, c): time.sleep(60)", name="else", timeout=1))
    assert ended.error == "Sandbox.Timedout"  # a timeout ends it, although the other process writes


def test_each_process_has_its_own_scratch_folder_until_it_ends() -> None:
    source = """
    import os, tempfile, time
    def handler(event, context):
        folder = tempfile.gettempdir()
        files = sorted(os.listdir(folder))
        open(os.path.join(folder, f"file{len(files)}"), "w").close()
        time.sleep(event.get("s", 0))
        if event.get("end"):
            os._exit(1)
        return [folder, os.environ["TMPDIR"], files]
    """
    with bench() as own:
        job = function(source)
        folder, named, files = json.loads(own.run(job).payload)
        assert (folder, files) == (named, [])
        assert json.loads(own.run(job).payload) == [folder, folder, ["file0"]]  # warm: the file still exists
        for _ in range(2):
            own.submit(job, {"s": 0.5})
        others = [json.loads(own.next().payload) for _ in range(2)]
        assert len({other[0] for other in others}) == 2  # two simultaneous processes never share a folder
        assert sorted(len(other[2]) for other in others) == [0, 2]
        assert not own.run(job, {"end": True}).ok
        deadline = time.monotonic() + 30
        while all(os.path.exists(other[0]) for other in others) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert sum(os.path.exists(other[0]) for other in others) == 1  # the folder of the ended process is deleted
    assert not any(os.path.exists(other[0]) for other in others)


def test_an_idle_process_expires() -> None:
    with bench(idle=2, sampling=0.1) as own:
        first = json.loads(own.run(function(SELF)).payload)
        assert json.loads(own.run(function(SELF)).payload)["pid"] == first["pid"]
        deadline = time.monotonic() + 30
        while alive(first["pid"]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not alive(first["pid"])
        assert json.loads(own.run(function(SELF)).payload)["calls"] == 1


def test_at_the_limit_events_wait_and_idle_processes_end() -> None:
    with bench(sandboxes=2) as own:
        for number in range(5):
            own.submit(function(SELF, name=f"job{number}"), {"sleep": 0.3})
        names = {json.loads(own.next().payload)["context"]["function_name"] for _ in range(5)}
        assert names == {f"job{number}" for number in range(5)}


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_executors_timeout_limits_longer_timeouts() -> None:
    """The handler gets the limited deadline and is killed at it. A shorter timeout of its own stays."""
    source = """
    import time
    def handler(event, context):
        if event.get("hang"):
            time.sleep(60)
        return context.get_remaining_time_in_millis()
    """
    with bench(timeout=1.5) as runs:
        longer, shorter = function(source, name="long", timeout=900), function(source, name="short", timeout=1)
        assert 500 < int(runs.run(longer).payload) <= 1500
        assert 0 < int(runs.run(shorter).payload) <= 1000
        outcome = runs.run(longer, {"hang": True})
        assert (outcome.error, outcome.seconds) == ("Sandbox.Timedout", 1.5)


def test_with_little_memory_no_process_starts_and_the_user_is_notified_once() -> None:
    few = 3

    def available(starting: int) -> float:
        return 0.5 if len(own.executor._sandboxes) + starting <= few else 0.05

    with bench(available=available) as own:
        job = function(SELF, name="crowd")
        for _ in range(8):
            own.submit(job, {"sleep": 0.3})
        results = [json.loads(own.next().payload) for _ in range(8)]
        assert len({result["pid"] for result in results}) == few
        assert own.recorder.notes == [
            "Events wait until a handler ends: 3 handler processes run and the machine's memory is short"
        ]


def test_one_event_runs_even_without_free_memory() -> None:
    with bench(available=lambda starting: 0.0) as own:
        assert own.run(function(SELF, name="last")).ok


def test_at_the_limit_of_processes_the_user_is_notified() -> None:
    with bench(sandboxes=1) as own:
        for _ in range(3):
            own.submit(function(SELF, name="crowd"), {"sleep": 0.2})
        assert all(own.next().ok for _ in range(3))
        assert own.recorder.notes[0] == "Events wait until a handler ends: 1 handler processes run"


@pytest.mark.parametrize("version", [None, "$LATEST"])
def test_processes_of_a_deleted_function_end_and_a_busy_one_after_its_event(version: str | None) -> None:
    with bench() as own:
        idle, busy, other = (function(SELF, name=name) for name in ("deleted", "deleted", "stays"))
        first, kept = (json.loads(own.run(job).payload)["pid"] for job in (idle, other))
        own.executor.retire(idle.arn, version)
        assert ended_within(first, 30)
        own.submit(busy, {"sleep": 2})
        while not own.recorder.invocations[2:]:
            time.sleep(0.02)
        own.executor.retire(busy.arn, version)
        second = json.loads(own.next().payload)["pid"]
        assert ended_within(second, 30)
        assert json.loads(own.run(other).payload)["pid"] == kept


def test_deleting_a_version_keeps_the_processes_of_others() -> None:
    with bench() as own:
        job = function(SELF, name="versions")
        pid = json.loads(own.run(job).payload)["pid"]
        own.executor.retire(job.arn, "3")
        assert json.loads(own.run(job).payload)["pid"] == pid
