"""The Lambda shell: its answers, exceptions, log lines and letters, for all kinds of handlers."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from cronstack.declaration import Job
from cronstack.errors import CronstackError, EventError, LeaseLost, PermanentError, Unavailable
from cronstack.guard import carrier
from cronstack.run import Run
from cronstack.runtime import Invocation, handle, kept_error, kept_result
from cronstack.settings import VARIABLES
from tests.cronstack.stage import NOON, Context, Stage, error, job, occurrence, scheduled_event

ID = "t-2026-01-01T12:00:00Z"


def invoke(stage: Stage, of: Job, event: object = None, *, seconds: float = 60) -> dict[str, Any]:
    event = scheduled_event() if event is None else event
    return Invocation(of, event, Context(stage, seconds), stage.shell()).work()


def raising(exception: BaseException) -> Any:
    def handler(run: Run) -> None:
        raise exception

    return handler


def test_a_handler_receives_the_run_and_its_result_is_stored(stage: Stage) -> None:
    seen: list[Run] = []

    def stats(run: Run) -> dict[str, int]:
        seen.append(run)
        stage.now += 4_000
        assert run.remaining() == 56
        return {"flights": 842}

    answer = invoke(stage, job(stats), scheduled_event(input={"day": "x"}))
    assert answer == {"cronstack": "succeeded", "job": "stats", "occurrence": ID, "attempt": 1}
    (run,) = seen
    assert run.scheduled == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert (run.job, run.occurrence, run.key, run.attempt, run.fence) == ("stats", ID, f"stats/{ID}", 1, NOON)
    assert run.input == {"day": "x"}
    assert stage.run(occurrence())["result"] == '{"flights":842}'
    (line,) = stage.lines
    fields = ("cronstack", "job", "occurrence", "attempt", "requests", "seconds", "level")
    assert [line[name] for name in fields] == ["succeeded", "stats", ID, 1, 2, 4.0, "INFO"]


def test_a_stop_iteration_of_a_handler_is_a_failure(stage: Stage) -> None:
    def stats(run: Run) -> object:
        return next(iter(()))

    assert invoke(stage, job(stats))["cronstack"] == "retrying"
    assert json.loads(stage.run(occurrence())["error"])["type"] == "StopIteration"


def test_a_fault_of_the_transport_is_logged_and_raised(stage: Stage) -> None:
    def broken(operation: str, parameters: object, timeout: float) -> Any:
        raise KeyboardInterrupt

    shell = stage.shell()._replace(transport=broken)
    with pytest.raises(KeyboardInterrupt):
        Invocation(job(lambda run: None), scheduled_event(), Context(stage), shell).work()
    (line,) = stage.lines
    assert (line["cronstack"], line["reason"], line["level"]) == ("fault", "KeyboardInterrupt", "ERROR")


def test_an_exception_of_a_handler_is_stored_and_logged_with_its_traceback_until_the_run_is_dead(stage: Stage) -> None:
    def stats(run: Run) -> None:
        int("1,3194")

    broken = job(stats, retries=1)
    assert invoke(stage, broken) == {"cronstack": "retrying", "job": "stats", "occurrence": ID, "attempt": 1}
    assert 'int("1,3194")' in stage.lines[-1]["trace"][-1]
    assert (stage.lines[-1]["level"], stage.lines[-1]["error"][:10]) == ("ERROR", "ValueError")
    kept = json.loads(stage.run(occurrence())["error"])
    assert kept["type"] == "ValueError"
    assert kept["trace"][-1].startswith("  File ")
    assert 'int("1,3194")' in kept["trace"][-1]

    (carrier,) = stage.carriers()
    stage.now += carrier.after
    assert carrier.event == scheduled_event() | {"carrier": 0}
    answer = invoke(stage, broken, carrier.event)
    assert answer == {
        "cronstack": "dead",
        "job": "stats",
        "occurrence": ID,
        "attempt": 2,
        "reason": "RetriesExhausted",
    }
    (letter,) = stage.letters()
    assert letter["requestPayload"] == carrier.event
    assert letter["requestContext"] == {
        "requestId": Context.aws_request_id,
        "functionArn": Context.invoked_function_arn + ":$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 2,
    }
    assert letter["responsePayload"]["errorType"] == "ValueError"
    assert "1,3194" in letter["responsePayload"]["errorMessage"]
    assert letter["cronstack"]["id"] == f"stats/{ID}/2"


class Unpaid(Exception):
    pass


@pytest.mark.parametrize("exception", [PermanentError("never"), Unpaid("never")])
def test_a_permanent_failure_is_dead_at_once(stage: Stage, exception: Exception) -> None:
    answer = invoke(stage, job(raising(exception), permanent=[Unpaid]))
    assert (answer["cronstack"], answer["reason"], answer["attempt"]) == ("dead", "Permanent", 1)
    assert stage.letters()[0]["requestContext"]["condition"] == "Permanent"


def test_a_system_exit_is_a_failure(stage: Stage) -> None:
    assert invoke(stage, job(raising(SystemExit(0))))["cronstack"] == "retrying"
    assert json.loads(stage.run(occurrence())["error"])["type"] == "SystemExit"


def test_an_interrupt_is_settled_and_then_raised_again(stage: Stage) -> None:
    with pytest.raises(KeyboardInterrupt):
        invoke(stage, job(raising(KeyboardInterrupt())))
    assert stage.run(occurrence())["status"] == "retrying"
    assert "holder" not in stage.lease()
    assert len(stage.carriers()) == 1


def test_an_exit_in_the_last_attempt_sends_one_dead_letter(stage: Stage) -> None:
    assert invoke(stage, job(raising(SystemExit(1)), retries=0))["cronstack"] == "dead"
    assert len(stage.letters()) == 1


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("text", "BadPayload"),
        ({"cronstack": 1, "job": "other", "scheduled": "2026-01-01T12:00:00Z"}, "UnknownJob"),
        (scheduled_event(NOON - 17 * 86_400_000), "TooOld"),
        (scheduled_event(scheduled="<aws.scheduler.scheduled-time>"), "Unreplaced"),
        ([float("nan")], "BadPayload"),
    ],
)
def test_a_refused_event_becomes_a_letter_and_is_never_retried(stage: Stage, event: object, reason: str) -> None:
    ran: list[Run] = []
    answer = invoke(stage, job(lambda run: ran.append(run)), event)
    assert (answer["cronstack"], answer["reason"]) == ("refused", reason)
    assert ran == []
    (letter,) = stage.letters()
    assert letter["requestContext"]["condition"] == "Refused"
    assert letter["responsePayload"]["errorType"] == reason
    assert "TransactWriteItems" not in stage.asked()


def test_a_result_that_is_not_json_does_not_fail_the_run(stage: Stage) -> None:
    for number, result in enumerate([datetime(2026, 1, 1, tzinfo=UTC), {1, 2}, float("nan"), "x" * 5000, b"raw"]):
        of = scheduled_event(NOON + number * 1000)
        assert invoke(stage, job(lambda run, result=result: result), of)["cronstack"] == "succeeded"
        assert "note" in json.loads(stage.run(occurrence(NOON + number * 1000))["result"])
    circle: list[object] = []
    circle.append(circle)
    assert len(kept_result(circle)) < 2048


def test_any_error_is_stored_within_2_kilobytes() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert json.loads(kept_error(Mute()))["type"] == "Mute"
    assert len(kept_error(ValueError("ü\x1b[31m\n" * 9000))) <= 2048

    def deep(n: int) -> None:
        if n == 0:
            raise ValueError("deep")
        deep(n - 1)

    with pytest.raises(ValueError, match="deep") as raised:
        deep(100)
    kept = kept_error(raised.value)
    assert len(kept) <= 2048
    assert 'raise ValueError("deep")' in json.loads(kept)["trace"][-1]


def test_secrets_and_line_ends_do_not_reach_logs_or_ledger(stage: Stage) -> None:
    def stats(run: Run) -> dict[str, Any]:
        run.log.warning("two\nlines \x1b[31m and %s", "password=hunter2", extra={"api_key": "hunter2", "rows": 3})
        return {"token": "hunter2", "nested": [{"Authorization": "hunter2"}], "rows": 3}

    invoke(stage, job(stats))
    line = stage.lines[0]
    assert (line["level"], line["job"], line["occurrence"], line["attempt"]) == ("WARNING", "stats", ID, 1)
    assert line["message"] == "two\nlines \x1b[31m and password=[redacted]"
    assert line["rows"] == 3
    assert "hunter2" not in json.dumps(stage.lines) + stage.run(occurrence())["result"]
    invoke(stage, job(raising(ValueError("token: hunter2"))), scheduled_event(NOON + 1000))
    assert "hunter2" not in json.dumps(stage.lines) + stage.run(occurrence(NOON + 1000))["error"]


def test_a_message_of_one_long_word_is_redacted_quickly(stage: Stage) -> None:
    """A page in base64 in an exception: the pattern must not backtrack at each of its letters."""
    blob = "z" * 30_000 + "token" * 20_000
    started = time.process_time()
    invoke(stage, job(raising(ValueError(f"cannot read {blob}; {blob}-token=hunter2"))))
    assert time.process_time() - started < 3
    assert stage.run(occurrence())["status"] == "retrying"
    assert stage.lines[-1]["error"].endswith("-token=[redacted]")


def test_the_log_of_an_exception_is_one_line(stage: Stage) -> None:
    def stats(run: Run) -> None:
        try:
            raise OSError("disk")
        except OSError:
            run.log.exception("went wrong")

    invoke(stage, job(stats))
    assert "OSError: disk" in stage.lines[0]["exception"]


def test_an_attempt_that_lost_its_lease_is_neither_acknowledged_nor_settled(stage: Stage) -> None:
    def stats(run: Run) -> None:
        stage.now += 70_000
        assert invoke(stage, job(lambda run: None))["attempt"] == 2
        stage.change(f"run#{ID}", status="running")  # the second attempt still runs
        raise ValueError("too late")

    with pytest.raises(LeaseLost) as lost:
        invoke(stage, job(stats))
    assert isinstance(lost.value.__cause__, ValueError)
    assert stage.lines[-1]["cronstack"] == "fault"


def test_an_unreachable_ledger_raises_with_its_name(stage: Stage) -> None:
    stage.fail("TransactWriteItems", error("ResourceNotFoundException"))
    with pytest.raises(Unavailable, match="table ledger"):
        invoke(stage, job(lambda run: None))
    assert stage.lines[-1]["level"] == "ERROR"


def test_after_a_claim_that_took_too_long_no_handler_starts(stage: Stage) -> None:
    def slow(call: object, carry_out: Any) -> Any:
        stage.now += 61_000
        return carry_out()

    stage.fail("TransactWriteItems", slow)
    invoke(stage, job(lambda run: pytest.fail("it ran")))
    run = stage.run(occurrence())
    assert (run["status"], json.loads(run["error"])["type"]) == ("retrying", "NoTimeLeft")
    assert stage.carriers()[0].after <= carrier.lead(), "the handler did not fail, so no back-off is needed"


def test_a_missing_setting_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CronstackError, match="CRONSTACK_LEDGER is not set"):
        handle(job(lambda run: None), scheduled_event(), None)


def test_a_job_handles_an_event_with_its_own_transport(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in stage.shell().settings.environment().items():
        monkeypatch.setenv(name, value)
    now = __import__("cronstack.clock", fromlist=["now_ms"]).now_ms()
    answer = job(lambda run: {"ok": True})(scheduled_event(now), Context(stage))
    assert answer["cronstack"] == "succeeded"
    assert json.loads(capsys.readouterr().out)["cronstack"] == "succeeded"


def test_an_event_error_of_a_handler_is_a_failure_not_a_refusal(stage: Stage) -> None:
    invoke(stage, job(raising(EventError("Mine", "not the guard's"))))
    assert stage.run(occurrence())["status"] == "retrying"
