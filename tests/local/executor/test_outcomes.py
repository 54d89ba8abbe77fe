"""The outcomes of an invocation with a real process, in Lambda's wording."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack_infra.local.executor.values import InvocationOutcome
from tests.local.executor.bench import Bench, bench, function

IMPORT = "Runtime.ImportModuleError"
UNPACKED = "not enough values to unpack (expected 2, got 1)"


def error(outcome: InvocationOutcome) -> dict[str, Any]:
    assert not outcome.ok
    payload = json.loads(outcome.payload)
    assert outcome.error == payload["errorType"]
    return payload


def test_a_result_is_the_return_value_of_the_handler(runs: Bench) -> None:
    outcome = runs.run(
        function("def handler(event, context): return {'sum': sum(event['numbers'])}"), {"numbers": [1, 2]}
    )
    assert outcome.ok
    assert json.loads(outcome.payload) == {"sum": 3}
    assert 0 < outcome.seconds < 30


def test_nothing_returned_is_null(runs: Bench) -> None:
    assert runs.run(function("def handler(event, context): pass")).payload == b"null"


def test_an_exception_reports_class_text_request_and_trace(runs: Bench) -> None:
    source = """
    class Mine(Exception):
        pass

    def handler(event, context):
        try:
            1 / 0
        except ZeroDivisionError as fault:
            raise Mine("it broke: é") from fault
    """
    runs.submit(function(source))
    invocation, outcome = runs.recorder.outcomes.get(timeout=60)
    payload = error(outcome)
    assert payload["errorType"] == "Mine"
    assert payload["errorMessage"] == "it broke: é"
    assert payload["requestId"] == invocation.request_id
    assert len(payload["stackTrace"]) == 1
    assert "in handler\n" in payload["stackTrace"][0]


def test_a_timeout_is_reported_to_the_hundredth_and_ends_the_process(runs: Bench) -> None:
    source = """
    import os, time
    def handler(event, context):
        if event.get("hang"):
            print("pid", os.getpid(), flush=True)
            time.sleep(60)
        return os.getpid()
    """
    job = function(source, name="hangs", timeout=1)
    runs.recorder.log.clear()
    request_id = runs.submit(job, {"hang": True})
    outcome = runs.next()
    assert error(outcome) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    assert outcome.seconds == 1
    old = next(line.split()[1] for line in runs.recorder.log if line.startswith("pid "))
    assert runs.run(job).payload.decode() != old
    assert any(line.endswith(f"{request_id} Task timed out after 1.00 seconds") for line in runs.recorder.log)


@pytest.mark.parametrize("status", [1, 3, 127])
def test_an_exit_with_a_status(runs: Bench, status: int) -> None:
    request_id = runs.submit(function(f"import sys\ndef handler(event, context): sys.exit({status})"))
    assert error(runs.next()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status {status}",
    }


@pytest.mark.parametrize(
    "source",
    [
        "import sys\ndef handler(event, context): sys.exit(0)",
        "import os\ndef handler(event, context): os._exit(0)",
        "import sys\nsys.exit(0)\ndef handler(event, context): pass",
    ],
)
def test_an_exit_without_a_reason(runs: Bench, source: str) -> None:
    request_id = runs.submit(function(source))
    assert error(runs.next()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited without providing a reason",
    }


def test_a_process_that_is_killed(runs: Bench) -> None:
    request_id = runs.submit(function("import os\ndef handler(event, context): os.kill(os.getpid(), 9)"))
    assert error(runs.next()) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }


def test_a_segmentation_fault_ends_by_time_out(runs: Bench) -> None:
    source = "import os, signal\ndef handler(event, context): os.kill(os.getpid(), signal.SIGSEGV)"
    outcome = runs.run(function(source, timeout=1))
    assert error(outcome)["errorType"] == "Sandbox.Timedout"
    assert outcome.seconds == 1


def test_a_process_that_uses_too_much_memory_is_killed(runs: Bench) -> None:
    source = """
    import time
    def handler(event, context):
        eaten = bytearray(b"x" * (300 * 1024 * 1024))
        time.sleep(30)
    """
    request_id = runs.submit(function(source, memory=256, timeout=20))
    assert error(runs.next()) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }


def test_memory_of_a_child_process_counts(runs: Bench) -> None:
    source = """
    import subprocess, sys
    def handler(event, context):
        subprocess.run([sys.executable, "-S", "-c", "x = b'x' * (300 * 1024 * 1024); import time; time.sleep(30)"])
    """
    assert error(runs.run(function(source, memory=256, timeout=20)))["errorType"] == "Runtime.OutOfMemory"


@pytest.mark.parametrize(
    ("source", "handler", "kind", "text"),
    [
        (
            "import missing",
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'missing'",
        ),
        ("", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        (
            "",
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_failure_before_the_handler_is_reported(runs: Bench, source: str, handler: str, kind: str, text: str) -> None:
    payload = error(runs.run(function(source, handler=handler)))
    assert (payload["errorType"], payload["errorMessage"], payload["requestId"]) == (kind, text, "")


def test_a_syntax_error(runs: Bench) -> None:
    payload = error(runs.run(function("def handler(event, context)\n    pass")))
    assert payload["errorType"] == "Runtime.UserCodeSyntaxError"
    assert payload["errorMessage"].startswith("Syntax error in module 'app': expected ':'")


def test_a_failed_initialisation_is_tried_again_with_a_new_process(runs: Bench) -> None:
    job = function("import missing", name="never")
    before = runs.recorder.log.count("INIT_START Runtime Version: python3.13 (local)")
    assert not runs.run(job).ok
    assert not runs.run(job).ok
    assert runs.recorder.log.count("INIT_START Runtime Version: python3.13 (local)") == before + 2


def test_a_result_that_json_cannot_hold(runs: Bench) -> None:
    payload = error(runs.run(function("def handler(event, context): return {1, 2}")))
    assert payload["errorType"] == "Runtime.MarshalError"
    assert payload["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_decimals_and_nan_can_be_returned(runs: Bench) -> None:
    source = (
        "from decimal import Decimal\ndef handler(event, context): return [Decimal('1.5'), Decimal(3), float('nan')]"
    )
    assert runs.run(function(source)).payload == b"[1.5, 3, NaN]"


def test_a_result_of_more_than_six_megabytes(runs: Bench) -> None:
    outcome = runs.run(function("def handler(event, context): return 'x' * (7 * 1024 * 1024)"))
    assert error(outcome) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }


@pytest.mark.parametrize("own_loop", [False, True])
@pytest.mark.parametrize("way", ["returned", "raised"])
def test_after_a_response_that_is_too_large_the_next_event_runs(own_loop: bool, way: str) -> None:
    source = """
    def handler(event, context):
        text = "x" * (event["megabytes"] * 1024 * 1024)
        if event["way"] == "raised" and text:
            raise ValueError(text)
        return text
    """
    with bench(own_loop=own_loop) as own:
        job = function(source, memory=1024)
        for _ in range(2):
            outcome = own.run(job, {"megabytes": 12, "way": way})
            assert not outcome.ok
            assert outcome.error in ("Function.ResponseSizeTooLarge", "ValueError")
            assert own.run(job, {"megabytes": 0, "way": way}).payload == b'""'


def test_a_result_slightly_below_six_megabytes(runs: Bench) -> None:
    outcome = runs.run(function("def handler(event, context): return 'x' * 6291000"))
    assert outcome.ok
    assert len(outcome.payload) == 6291002


def test_a_zip_that_cannot_be_read_ends_the_invocation(runs: Bench) -> None:
    payload = error(runs.run(function("", code=b"not a zip", code_sha256="broken", name="broken")))
    assert payload["errorType"] == "Runtime.InitError"
