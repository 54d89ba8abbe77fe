"""``cronstack diff`` on a stack that moto has: its template, its schedules, and what waits in its ledger."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cronstack import clock
from cronstack.deployed.form import deployed_form
from cronstack.deployed.job_metadata import METADATA
from cronstack.event import scheduled_input
from cronstack.ledger.partitions import open_list
from cronstack.watchdog.handler import watchdog
from cronstack_infra import names
from cronstack_infra.cli import run
from cronstack_infra.discovery.discover import DeclaredJob, discover
from cronstack_infra.discovery.metadata import metadata_of
from cronstack_infra.discovery.validation import judge
from tests.cronstack.stage import FUNCTION, Stage

HEAD = "from cronstack import Run, cron, job, once, rate\n\n\n"
SIX = '@job(schedule=[once(), cron("0 6 * * ? *", timezone="Europe/Berlin")])\ndef stats(run: Run): ...\n'
SEVEN = SIX.replace("0 6", "0 7")
_numbers = itertools.count()


class Shop:
    """A project in the current folder, and its deployed stack "shop"."""

    def __init__(self, stage: Stage, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage, self._folder, self._capsys = stage, folder, capsys
        (folder / "cdk.json").write_text("{}")
        self._package = ""

    def declare(self, source: str) -> tuple[DeclaredJob, ...]:
        self.write(source)
        return discover(self._package, self._folder / "functions").jobs

    def write(self, source: str) -> None:
        self._package = f"changed_{next(_numbers)}"
        file = self._folder / "functions" / self._package / "all.py"
        file.parent.mkdir(parents=True)
        file.write_text(HEAD + source)

    def deploy(self, source: str, *, metadata: bool = True, kit: Sequence[DeclaredJob] = ()) -> None:
        """Write the template and the schedules of these jobs. The function exists, so the template does not make it.

        ``kit``: jobs of Cronstack itself.
        """
        import boto3

        resources: dict[str, Any] = {"Nothing": {"Type": "AWS::SQS::Queue"}}
        for number, declared in enumerate((*self.declare(source), *kit)):
            given = {METADATA: metadata_of(declared).to_json()} if metadata else {}
            resources[f"Job{number}"] = {"Type": "AWS::Lambda::Function", "Condition": "Never", "Metadata": given}
            for place, schedule in enumerate(declared.schedules, start=1):
                form = deployed_form(schedule)
                self.stage.scheduler.create_schedule(
                    Name=names.schedule_name("shop", declared.name, place),
                    GroupName="shop",
                    ScheduleExpression=form.expression,
                    ScheduleExpressionTimezone=form.timezone,
                    FlexibleTimeWindow={"Mode": "OFF"},
                    Target={
                        "Arn": FUNCTION,
                        "RoleArn": "arn:aws:iam::123456789012:role/r",
                        "Input": scheduled_input(declared.name, declared.job.input),
                    },
                )
        cloudformation = boto3.client("cloudformation")
        described = cloudformation.describe_stacks(StackName="shop")["Stacks"][0]
        template = {
            "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
            "Resources": resources,
            "Outputs": {name: {"Value": value} for name, value in names.stack_outputs(described).items()},
        }
        cloudformation.update_stack(StackName="shop", TemplateBody=json.dumps(template))

    def diff(self, *arguments: str, stack: str = "shop") -> tuple[int, str, str]:
        code = run(["diff", "--stack", stack, "--jobs", self._package, *arguments])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out, printed.err

    def job(self, name: str = "stats") -> Any:
        code, out, err = self.diff("--json")
        assert code == 0, err
        (found,) = (job for job in json.loads(out)["jobs"] if job["job"] == name)
        return found


@pytest.fixture
def shop(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    monkeypatch.chdir(tmp_path)
    stage.scheduler.create_schedule_group(Name="shop")
    return Shop(stage, tmp_path, capsys)


def test_a_schedule_an_hour_later_moves_its_runs(shop: Shop) -> None:
    shop.deploy(SIX)
    shop.declare(SEVEN)
    code, out, _ = shop.diff()
    assert code == 0
    assert "runs move 1 h later: 06:00 -> 07:00 Europe/Berlin." in out
    assert shop.diff("--exit-code")[0] == 1
    assert shop.diff("--markdown")[1].startswith("### Changes in time: shop\n\nshop: 1 job changes, 0 stay the same.")
    (shift,) = shop.job()["move"]
    assert (shift["seconds"], shift["count"]) in ((3600, 30), (3600, 29))


def test_the_same_declaration_changes_nothing(shop: Shop) -> None:
    shop.deploy(SIX)
    code, out, _ = shop.diff("--exit-code", "--days", "366")
    assert code == 0
    assert out.startswith("shop: no change in time, ")
    assert json.loads(shop.diff("--json")[1])["changes"] is False


def test_the_watchdog_of_the_kit_is_not_compared(shop: Shop) -> None:
    """The stack deploys it, but no project declares it."""
    shop.deploy(SIX, kit=(DeclaredJob(watchdog, judge(watchdog, "")[0], ""),))
    shop.declare(SIX)
    assert shop.diff("--exit-code")[0] == 0


def test_everything_appears_when_nothing_is_deployed(shop: Shop) -> None:
    shop.declare(SIX)
    code, out, _ = shop.diff("--exit-code", stack="absent")
    assert code == 1
    assert out.startswith("absent is not deployed yet, so everything appears.")
    assert "30 runs appear: " in out


def test_a_removed_job_lists_what_waits(shop: Shop) -> None:
    shop.deploy(SIX)
    shop.declare("@job()\ndef other(run: Run): ...\n")
    now = clock.now_ms()
    for number, status in enumerate(("retrying", "buffered", "running")):
        occurrence = f"t-2026-01-01T0{number}:00:00Z"
        listed = {} if status == "running" else {"listed": open_list("stats", occurrence)}
        shop.stage.change(f"run#{occurrence}", status=status, attempt=1, limit=3, due=now - 1000, **listed)
    shop.stage.change("lease", holder="h", occurrence="t-2026-01-01T02:00:00Z", fence=3)
    found = shop.job()
    assert found["change"] == "removed"
    assert {(each["kind"], each["count"], each["refused"]) for each in found["waiting"]} == {
        ("retrying", 1, True),
        ("buffered", 1, True),
        ("running", 1, False),
    }
    assert found["disappear"]["count"] == 30


def test_a_planned_key_keeps_its_time(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.deploy(SIX)
    shop.declare(SEVEN)
    assert run(["once", "stats", "--key", "order-1", "--in", "3d", "--stack", "shop"]) == 0
    capsys.readouterr()
    (waiting,) = shop.job()["waiting"]
    assert (waiting["kind"], waiting["count"], waiting["refused"]) == ("planned", 1, False)
    assert "their times stay" in waiting["result"]


def test_a_carrier_without_a_row_is_shown(shop: Shop) -> None:
    from cronstack.guard import carrier

    shop.deploy(SIX)
    shop.declare(SEVEN)
    shop.stage.scheduler.create_schedule(
        Name=f"{carrier.prefix('stats')}abc",
        GroupName=names.carriers_group("shop"),
        ScheduleExpression="at(2199-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": FUNCTION, "RoleArn": "arn:aws:iam::123456789012:role/r"},
    )
    (waiting,) = shop.job()["waiting"]
    assert (waiting["kind"], waiting["count"]) == ("carrier", 1)


def test_a_change_by_hand_is_a_note_and_no_change(shop: Shop) -> None:
    shop.deploy(SIX)
    got = shop.stage.scheduler.get_schedule(Name="shop-stats.1", GroupName="shop")
    kept = {name: got[name] for name in ("Name", "GroupName", "FlexibleTimeWindow", "Target", "ScheduleExpression")}
    shop.stage.scheduler.update_schedule(**kept, ScheduleExpressionTimezone="Europe/Berlin", State="DISABLED")
    code, out, _ = shop.diff("--exit-code")
    assert code == 0
    assert "Note: schedule 1 was disabled by hand; this deployment does not change it" in out


def test_a_rate_counts_from_the_last_change_of_its_schedule(shop: Shop) -> None:
    every = '@job(schedule=rate("12 hours"))\ndef stats(run: Run): ...\n'
    shop.deploy(every)
    assert shop.diff("--exit-code")[0] == 0
    shop.declare(every.replace("12 hours", "6 hours"))
    found = shop.job()
    assert found["schedules"][0]["restarts"]
    assert found["appear"]["count"] >= 119


def test_another_input_is_reported_without_its_value(shop: Shop) -> None:
    shop.deploy(SIX)
    shop.declare(SIX.replace("@job(", '@job(input={"token": "s3cret"}, '))
    code, out, _ = shop.diff("--exit-code")
    assert code == 1
    assert "input: runs of the schedules get another input" in out
    assert "s3cret" not in out


def test_a_stack_of_an_earlier_version_is_compared_by_its_schedules(shop: Shop) -> None:
    """Its template has no metadata, so policies are unknown."""
    shop.deploy(SIX, metadata=False)
    assert shop.diff("--exit-code")[0] == 0
    shop.declare(SEVEN.replace("@job(", "@job(retries=7, "))
    found = shop.job()
    assert (found["change"], found["policies"]) == ("changed", [])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--json", "--markdown"], 2, "Give --json or --markdown, not both."),
        (["--days", "0"], 2, "0 is not in the range 1<=x<=366"),
        (["--days", "month"], 2, "'month' is not a valid integer"),
        (["--jobs", "absent"], 2, "the package of jobs 'absent' is missing"),
        (["--stack", "foreign"], 1, "it is not a Cronstack stack"),
    ],
)
def test_bad_input(shop: Shop, arguments: list[str], code: int, message: str) -> None:
    shop.declare(SIX)
    actual, out, err = shop.diff(*arguments)
    assert (actual, out) == (code, "")
    assert message in err


def test_a_broken_declaration_is_reported_with_its_place(shop: Shop) -> None:
    shop.deploy(SIX)
    shop.write(SIX.replace("0 6", "0 99"))
    code, _, err = shop.diff()
    assert code == 2
    assert "all.py:4" in err
