"""``cronstack runs pull``: the file of a run, from each source of its event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cronstack.deployed.form import deployed_form
from cronstack.errors import OperationError
from cronstack.event import scheduled_input
from cronstack.guard.letters import LetterSource
from cronstack.occurrence import print_time
from cronstack.steps import Failed, Succeeded
from cronstack.timetable.instants import parse
from cronstack_infra.cli import run
from cronstack_infra.ops.pulled.file import read_text
from tests.cli.commands.shell import Once
from tests.cronstack.stage import FUNCTION, Stage, occurrence, scheduled_event

FAILED = Failed(json.dumps({"type": "ValueError", "message": "no", "trace": ["  File …"]}))
SECRET = {"user": "ada", "api_key": "s3cret", "deep": [{"password": "s3cret"}]}


class Pull:
    """``cronstack runs pull`` in an empty folder."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage, self._capsys = stage, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = run(["runs", "pull", *arguments, "--stack", "shop"])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    def data(self, *arguments: str) -> Any:
        """Return the content of the file."""
        code, out, err = self("stats", *arguments, "-o", "-")
        assert code == 0, err
        read_text(out)
        return json.loads(out)

    def fail(self, due: int, attempts: int = 1, **fields: Any) -> str:
        """Let a run fail so many times. Return its id."""
        of = occurrence(due, **fields)
        self.stage.deliver(of, FAILED)
        for _ in range(attempts - 1):
            self.stage.now += 3_600_000
            self.stage.deliver(of, FAILED)
        return of.id

    def declare(self, expression: str, zone: str = "Europe/Berlin") -> None:
        self.stage.scheduler.create_schedule_group(Name="shop")
        form = deployed_form(parse(expression, timezone=zone))
        self.stage.scheduler.create_schedule(
            Name="shop-stats.1",
            GroupName="shop",
            ScheduleExpression=form.expression,
            ScheduleExpressionTimezone=form.timezone,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": FUNCTION,
                "RoleArn": "arn:aws:iam::123456789012:role/r",
                "Input": scheduled_input("stats", {"days": 2}),
            },
        )


@pytest.fixture
def pull(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pull:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cdk.json").write_text("{}")
    return Pull(stage, capsys)


def test_the_latest_failure_is_pulled(pull: Pull) -> None:
    first = pull.stage.now
    pull.fail(first - 7_200_000, input={"old": 1})
    pull.stage.now = first
    of = pull.fail(first, attempts=3, input=SECRET)
    pull.stage.now += 60_000
    pull.stage.deliver(occurrence(pull.stage.now), Succeeded("{}"))
    got = pull.data()
    assert (got["occurrence"], got["status"], got["attempt"], got["limit"]) == (of, "dead", 3, 3)
    assert (got["event"]["input"], got["event_from"], got["redacted"]) == (SECRET, "run", False)
    assert got["due"] == print_time(first).replace("Z", ".000Z")
    assert got["at"] > got["due"]
    assert got["error"]["message"] == "no"
    assert got["code"]["sha256"]


def test_a_redacted_file_keeps_its_structure(pull: Pull) -> None:
    of = pull.fail(pull.stage.now, input=SECRET)
    pull.stage.change(f"run#{of}", checkpoint=json.dumps({"token": "s3cret", "page": 7}), saves=1)
    code, text, _ = pull("stats", "--redact", "-o", "-")
    assert code == 0
    assert "s3cret" not in text
    got = json.loads(text)
    assert got["event"]["input"] == {"user": "ada", "api_key": "[redacted]", "deep": [{"password": "[redacted]"}]}
    assert got["checkpoint"] == {"token": "[redacted]", "page": 7}
    assert got["redacted"] is True
    assert read_text(text).occurrence == of


def test_the_file_is_named_by_the_run_and_never_replaced_by_chance(pull: Pull) -> None:
    pull.fail(pull.stage.now)
    code, out, _ = pull("stats")
    assert code == 0
    file = Path("stats.t-2026-01-01T120000Z.json")
    assert f"To run it on this machine: cronstack replay {file}" in out
    file.write_text("mine")
    code, _, err = pull("stats")
    assert (code, file.read_text()) == (2, "mine")
    assert "To replace it: --force" in err
    assert pull("stats", "--force")[0] == 0
    assert json.loads(file.read_text())["job"] == "stats"


def test_a_local_time_is_read_in_the_zone_of_the_job(pull: Pull) -> None:
    pull.declare("cron(0 13 * * ? *)")
    of = pull.fail(pull.stage.now)
    assert pull.data("2026-01-01T13:00")["occurrence"] == of
    assert pull.data(of)["occurrence"] == of


def test_the_event_of_a_run_that_succeeded_is_built_from_its_schedule(pull: Pull) -> None:
    pull.declare("cron(0 13 * * ? *)")
    pull.stage.deliver(occurrence(input={"days": 2}))
    got = pull.data("t-2026-01-01T12:00:00Z")
    assert (got["event_from"], got["event"]["input"], got["status"]) == ("schedule", {"days": 2}, "succeeded")


def test_a_run_that_had_another_input_than_its_schedule_is_not_built(pull: Pull) -> None:
    """An operator's run, or one before a deploy: its input is lost, and that of the schedule would mislead."""
    pull.declare("cron(0 13 * * ? *)")
    pull.stage.deliver(occurrence(input={"days": 3}))
    code, _, err = pull("stats", "t-2026-01-01T12:00:00Z")
    assert code == 1
    assert "Its input is lost" in err


@pytest.mark.parametrize("time", ["2027-03-01T05:00:00", "soon"])
def test_a_file_with_a_time_of_no_zone_is_refused(pull: Pull, time: str) -> None:
    pull.fail(pull.stage.now)
    text = json.dumps(pull.data() | {"at": time})
    with pytest.raises(OperationError, match=rf'"at" is .?{time}.?, not a time such as 2027-03-01T05:00:00Z'):
        read_text(text)


def test_the_event_of_a_run_without_a_row_comes_from_its_dead_letter(pull: Pull) -> None:
    event = scheduled_event(pull.stage.now, input={"days": 3})
    error = json.dumps({"type": "Missed", "message": "late"})
    body = LetterSource(event, FUNCTION, "1").body("Missed", 0, error, now=pull.stage.now, about={"attempt": 0})
    pull.stage.sqs.send_message(QueueUrl=pull.stage.queue, MessageBody=body)
    got = pull.data("t-2026-01-01T12:00:00Z")
    assert (got["event_from"], got["event"]["input"], got["attempt"]) == ("dead letter", {"days": 3}, 1)
    assert pull.stage.letters(), "a letter that was read stays in its queue"


def test_a_plan_is_pulled_by_its_key(pull: Pull, once: Once) -> None:
    assert once("stats", "--key", "order-1", "--in", "3d", "--input", '{"order": 1}').code == 0
    got = pull.data("--key", "order-1")
    assert (got["key"], got["event_from"], got["event"]["input"]) == ("order-1", "plan", {"order": 1})


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stats"], 1, "no run of stats has failed"),
        (["stat"], 1, "Did you mean stats?"),
        (["stats", "yesterday"], 2, "'yesterday' is not a valid time"),
        (["stats", "t-2026-13-01T12:00:00Z"], 2, "is not a valid occurrence"),
        (["stats", "t-2026-01-01T09:00:00Z"], 1, "has neither the run t-2026-01-01T09:00:00Z of stats nor its dead"),
        (["stats", "--key", "absent"], 1, "has neither a run of the key 'absent'"),
        (["stats", "12:00", "--key", "k"], 2, "but only one of them"),
        ([], 2, "Missing argument 'JOB'"),
    ],
)
def test_bad_input(pull: Pull, arguments: list[str], code: int, message: str) -> None:
    pull.declare("cron(0 13 * * ? *)")
    actual, out, err = pull(*arguments)
    assert (actual, out) == (code, "")
    assert message in err


def test_the_input_of_a_trigger_that_succeeded_is_lost(pull: Pull) -> None:
    id = "m-01KDX4V000ABCDEFGHJKMNPQRS"
    pull.stage.change(f"run#{id}", status="succeeded", attempt=1, limit=3, due=pull.stage.now)
    code, _, err = pull("stats", id)
    assert code == 1
    assert "a run that has succeeded keeps none" in err
    assert "cronstack trigger stats --input" in err
