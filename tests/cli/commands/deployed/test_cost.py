"""``cronstack cost``: of declared jobs, of a deployed stack with runs, and bad input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cronstack import clock
from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import run_key
from cronstack.occurrence import scheduled_id
from cronstack_infra import names
from cronstack_infra.cli import run
from tests.cli.commands.shell import Done
from tests.cronstack.stage import TABLE, Stage

JOBS = """
from cronstack import cron, job, once

@job(schedule=cron("0 * * * ? *", timezone="UTC"))
def hourly(run): ...

@job(schedule=once())
def remind(run): ...
"""
Cost = Callable[..., Done]
APRIL = ("--month", "2027-04")


@pytest.fixture
def cost(capsys: pytest.CaptureFixture[str]) -> Cost:
    def command(*arguments: str) -> Done:
        capsys.readouterr()
        code = run(["cost", *arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)

    return command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "functions" / "jobs").mkdir(parents=True)
    (tmp_path / "functions" / "jobs" / "priced.py").write_text(JOBS)
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"cronstack:project": "shop"}}))
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in sys.modules if name == "jobs" or name.startswith("jobs.")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def deploy(stage: Stage) -> None:
    """Deploy a stack whose template declares one job, and write runs of it."""
    import boto3

    metadata = JobMetadata("stats", (ScheduleMetadata("cron(0 * * * ? *)"),), memory=1024).to_json()
    role = "arn:aws:iam::123456789012:role/role"
    properties = {"Handler": "jobs.a.a", "Role": role, "Runtime": "python3.13", "Code": {"ZipFile": "pass"}}
    function = {"Type": "AWS::Lambda::Function", "Metadata": {"Cronstack": metadata}, "Properties": properties}
    outputs = {
        names.OUTPUT_LEDGER: TABLE,
        names.OUTPUT_DELIVERY_DEAD_LETTERS: stage.queue,
        names.OUTPUT_HANDLER_DEAD_LETTERS: stage.queue,
        names.OUTPUT_GROUP: "priced",
    }
    template = {"Resources": {"Job": function}, "Outputs": {name: {"Value": value} for name, value in outputs.items()}}
    boto3.client("cloudformation").create_stack(StackName="priced", TemplateBody=json.dumps(template))
    for number in range(4):
        due = clock.now_ms() // 1000 * 1000 - number * 3_600_000
        fields = {"status": "succeeded", "due": due, "attempt": 1, "started": due, "ended": due + 2_000, "v": 1}
        item = run_key("stats", scheduled_id(due)) | {name: encode(value) for name, value in fields.items()}
        stage.dynamodb.put_item(TableName=TABLE, Item=item)


def test_declared_jobs_have_a_price_before_the_first_deployment(project: Path, cost: Cost) -> None:
    done = cost("--declared", *APRIL, "--duration", "hourly=2s", "--plans", "remind=1000000")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == [
        "JOB",
        "RUNS",
        "DURATION",
        "LEDGER",
        "LAMBDA",
        "SCHEDULER",
        "QUEUES",
        "LOGS",
        "METRICS",
        "TOTAL",
    ]
    by_job = {line[0]: line for line in lines if line}
    assert by_job["remind"][1:4] == ["1,000,000", "1s", "assumed"]
    assert by_job["hourly"][1:4] == ["720", "2s", "given"]
    assert list(by_job)[1] == "remind", "the most expensive first"
    assert "list prices of us-east-1 as of November 2024" in done.out
    assert "Not included: the handlers' own requests" in done.out


def test_without_a_stack_the_declared_jobs_count(project: Path, stage: Stage, cost: Cost) -> None:
    done = cost(*APRIL, "--stack", "none-such", "--json")
    assert done.code == 0
    assert "the stack none-such is not deployed" in done.err
    assert {line["name"] for line in done.data["lines"]} == {"hourly", "remind", "watchdog", "(stack)"}


def test_a_deployed_stack_counts_with_its_measured_durations(stage: Stage, cost: Cost) -> None:
    deploy(stage)
    done = cost(*APRIL, "--stack", "priced", "--json")
    assert (done.code, done.err) == (0, "")
    data = done.data
    lines = {line["name"]: line for line in data["lines"]}
    assert list(lines) == ["stats", "(stack)"], "the template has no watchdog"
    assert (lines["stats"]["runs"], lines["stats"]["seconds"], lines["stats"]["duration"]) == (720, 2.0, "measured")
    assert data["total"] == pytest.approx(sum(line["dollars"] for line in data["lines"]), abs=1e-5)
    assert (data["from"], data["to"]) == ("2027-04-01T00:00:00Z", "2027-05-01T00:00:00Z")
    assert data["prices"] == {"region": "us-east-1", "date": "November 2024"}


def test_other_prices(project: Path, cost: Cost) -> None:
    here = cost("--declared", *APRIL, "--json").data["total"]
    assert cost("--declared", *APRIL, "--region", "eu-central-1", "--json").data["total"] > here
    assert cost("--declared", *APRIL, "--free-tier", "--json").data["total"] < here
    unknown = cost("--declared", *APRIL, "--region", "mars-north-1")
    assert unknown.code == 0
    assert "Note: prices are known of us-east-1, eu-central-1." in unknown.err
    assert "the prices of mars-north-1 are not known" in unknown.out
    assert "plans of remind are not counted. Add --plans remind=N." in unknown.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--month", "2027-13"], "'2027-13' is not a month. Write the year and the month, such as 2027-02."),
        (["--duration", "hourly=soon"], "'hourly=soon' is not a duration"),
        (["--duration", "-1"], "'-1' is not a duration"),
        (["--duration", "901"], "'901' is not a duration"),
        (["--duration", "hourli=2"], "unknown job 'hourli'. Did you mean 'hourly'?"),
        (["--duration", "1", "--duration", "2"], "'2': this duration is given twice"),
        (["--plans", "remind"], "unknown job ''"),
        (["--plans", "remind=many"], "'remind=many' has no count. Write JOB=N."),
        (["--plans", "hourly=3"], "hourly has no once(), so code cannot plan it."),
    ],
)
def test_bad_input(project: Path, cost: Cost, arguments: list[str], message: str) -> None:
    done = cost("--declared", *arguments)
    assert done.code == 2
    assert message in " ".join(done.err.split())
