"""Work that waits, dead letters, the index, and what depends on this machine: clock, zones, versions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.errors import ScheduleError
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import job_partition, run_key
from cronstack.occurrence import print_time, to_milliseconds
from cronstack_infra import names
from cronstack_infra.ops.doctor import zone_rules
from cronstack_infra.ops.doctor.checks import clocks, letters, quotas, status, versions, zones
from cronstack_infra.ops.doctor.checks.zones import Facts
from cronstack_infra.ops.doctor.finding import Finding
from tests.ops.doctor.conftest import STACK, START, Doctor


def put_run(doctor: Doctor, job: str, due: datetime, **fields: object) -> None:
    """Write a run directly, without the guard."""
    occurrence = f"t-{print_time(to_milliseconds(due))}"
    values = {"due": to_milliseconds(due), "attempt": 1, "limit": 3, "v": 1, **fields}
    doctor.cloud.client("dynamodb").update_item(
        TableName=doctor.physical("SharedLedger"),
        Key=run_key(job, occurrence),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": encode(value) for name, value in values.items()},
    )


def test_dead_letters_become_urgent_with_their_age(doctor: Doctor) -> None:
    for day in range(2):
        plan(doctor, f"order-{day}", START + timedelta(hours=1 + day))
    doctor.cloud.advance(timedelta(hours=3))
    found = doctor.only("letters")
    assert (found.severity, found.where) == ("warning", "job remind")
    assert found.what == "2 dead letters, the oldest for 0 days; SQS deletes it in 13 days"
    assert found.why.startswith("Each is an occurrence that has not succeeded.")
    assert found.remedy == "cronstack dead-letters summary"
    doctor.cloud.advance(timedelta(days=8))
    found = doctor.only("letters")
    assert (found.severity, found.what) == (
        "error",
        "2 dead letters, the oldest for 8 days; SQS deletes it in 5 days",
    )


def plan(doctor: Doctor, key: str, due: datetime) -> None:
    from cronstack_infra.ops.onetime import once_of

    scene = doctor.scene()
    once_of(doctor.cloud.client, scene.deployment).schedule("remind", key=key, at=due)


def test_a_plan_without_its_schedule_is_a_stray(doctor: Doctor) -> None:
    plan(doctor, "order-1", START + timedelta(days=2))
    scheduler, group = doctor.cloud.client("scheduler"), names.once_group(STACK)
    (listed,) = scheduler.list_schedules(GroupName=group)["Schedules"]
    scheduler.delete_schedule(GroupName=group, Name=listed["Name"])
    doctor.cloud.advance(timedelta(hours=1))
    found = doctor.only("strays")
    assert found.severity == "error"
    assert "job remind, for 1 hours" in found.what
    assert found.remedy == "cronstack strays --fix"


def test_work_of_a_removed_job_is_a_stray(doctor: Doctor) -> None:
    due = START - timedelta(hours=1)
    listed = f"open#{job_partition('removed')}"
    put_run(doctor, "removed", due, status="retrying", listed=listed, after=to_milliseconds(START))
    found = doctor.only("strays")
    assert found.where == "job removed"
    assert "it is not deployed" in found.what


def test_a_schedule_that_the_stack_has_not_created_is_a_stray(doctor: Doctor) -> None:
    scheduler = doctor.cloud.client("scheduler")
    got = scheduler.get_schedule(GroupName=STACK, Name=f"{STACK}-nightly.1")
    kept = ("GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    scheduler.create_schedule(Name="by-hand", **{name: got[name] for name in kept})
    doctor.cloud.advance(timedelta(hours=1))
    found = doctor.only("strays")
    assert found.where == "declared by-hand"
    assert "aws scheduler delete-schedule" in found.remedy


def test_a_run_that_waits_and_that_the_index_does_not_show(doctor: Doctor) -> None:
    doctor.cloud.advance(timedelta(hours=3))
    put_run(doctor, "nightly", START - timedelta(hours=4), status="retrying")
    found = doctor.only("index")
    assert found.what.startswith("1 run of nightly waits for an attempt, and the index does not show it")
    put_run(doctor, "nightly", START - timedelta(hours=4), status="retrying", listed="open#job#nightly")
    assert doctor.findings("index") == []


@pytest.mark.parametrize(("seconds", "severity"), [(30, "warning"), (-30, "warning"), (120, "error")])
def test_a_wrong_clock(doctor: Doctor, seconds: int, severity: str) -> None:
    doctor.offset = seconds * 1000
    found = doctor.only("clock")
    assert found.severity == severity
    assert ("ahead of" if seconds > 0 else "behind") in found.what


def test_a_small_difference_of_clocks_is_not_reported() -> None:
    assert list(clocks.judge(clocks.Facts(1_000_000, 1_000_900, 1_000_000))) == []
    assert list(clocks.judge(clocks.Facts(1_004_000, 1_004_100, 1_000_000))) == []


def test_a_run_of_an_operator_is_no_difference_of_rules(doctor: Doctor) -> None:
    """A trigger with --at writes the same kind of row as Scheduler, at any time."""
    doctor.cloud.advance(timedelta(days=31))
    put_run(doctor, "nightly", datetime(2027, 3, 31, 1, 30, tzinfo=UTC), status="succeeded")
    assert doctor.findings("zones") == []


def test_a_zone_that_this_machine_lacks(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_berlin(name: str) -> ZoneInfo:
        if name == "Europe/Berlin":
            raise ScheduleError(f"{name} is not a zone")
        return ZoneInfo(name)

    monkeypatch.setattr(zones, "zone", without_berlin)
    found = doctor.only("zones")
    assert (found.what, found.remedy) == ("this machine does not know the zone Europe/Berlin", zones.UPDATE)


BERLIN = JobMetadata("nightly", (ScheduleMetadata("cron(30 2 * * ? *)", "Europe/Berlin"),))


def of_zones(**facts: object) -> list[Finding]:
    usual: dict[str, object] = {"zones": ["Europe/Berlin"], "year": 2027, "here": {"Europe/Berlin": "a"}}
    return list(zones.judge(Facts(**(usual | facts)), {"nightly": BERLIN}))  # type: ignore[arg-type]


def test_scheduler_has_other_rules_than_this_machine() -> None:
    """Berlin has summer time from 28 March 2027 on. A Scheduler without it fires an hour later."""
    fired = [datetime(2027, 3, day, 1, 30, tzinfo=UTC) for day in range(20, 32)]
    (found,) = of_zones(fired={"nightly": fired})
    assert found.what == "Scheduler fired nightly at 2027-03-31T01:30:00Z; this machine computes 2027-03-31T00:30:00Z"
    assert "tzdata" in found.remedy
    assert of_zones(fired={"nightly": fired[:-3]}) == []
    assert of_zones(fired={"nightly": [*fired, datetime(2027, 4, 1, 0, 30, tzinfo=UTC)]}) == []


def test_the_machine_that_deployed_had_other_rules() -> None:
    recorded = {"year": 2027, "source": "2020a", "zones": {"Europe/Berlin": "b"}}
    (found,) = of_zones(deployed=recorded)
    assert "tzdata 2020a" in found.what
    assert of_zones(deployed=recorded | {"zones": {"Europe/Berlin": "a"}}) == []


def test_the_system_and_the_package_have_other_rules() -> None:
    (found,) = of_zones(package={"Europe/Berlin": "b"})
    assert found.where == "this machine"
    assert of_zones(package={"Europe/Berlin": "a"}) == []


def test_a_digest_shows_each_change_of_the_rules() -> None:
    berlin = zone_rules.changes(ZoneInfo("Europe/Berlin"), 2027, 1)
    assert berlin == [
        ("2027-01-01T00:00:00+00:00", 3600),
        ("2027-03-28T01:00:00+00:00", 7200),
        ("2027-10-31T01:00:00+00:00", 3600),
    ]
    same, other = zone_rules.digest(ZoneInfo("Europe/Paris"), 2027), zone_rules.digest(ZoneInfo("Europe/London"), 2027)
    assert zone_rules.digest(ZoneInfo("Europe/Berlin"), 2027) == same
    assert other != same


def test_the_template_records_the_rules_and_the_version(doctor: Doctor) -> None:
    about = doctor.scene().about
    assert about["version"] == "0.1.0"
    assert sorted(about["zones"]["zones"]) == ["America/New_York", "Europe/Berlin"]
    assert about["zones"]["source"] != "unknown"


def test_another_version_has_deployed(doctor: Doctor) -> None:
    doctor.version = "0.2.0"
    found = doctor.only("version")
    assert (found.what, found.remedy) == ("Cronstack 0.1.0 has deployed it; this is 0.2.0", "cronstack cdk deploy")
    doctor.version = "0.0.9"
    assert "uv sync" in doctor.only("version").remedy


def test_a_runtime_near_its_end(doctor: Doctor) -> None:
    doctor.offset = 0
    doctor.cloud.jump(datetime(2029, 2, 1, tzinfo=UTC))
    found = doctor.only("runtimes")
    assert found.severity == "warning"
    assert "will be without support from 2029-06-30" in found.what
    assert "and 4 more" in found.where


def test_runtimes_by_date() -> None:
    def found(runtime: str, today: date) -> list[str]:
        return [finding.severity for finding in versions.judge_runtimes({runtime: ["shop-stats"]}, today)]

    assert found("python3.9", date(2026, 11, 30)) == ["error"]
    assert found("python3.13", date(2026, 11, 30)) == []
    assert found("nodejs24.x", date(2026, 11, 30)) == []


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("UPDATE_COMPLETE", []),
        ("CREATE_COMPLETE", []),
        ("UPDATE_IN_PROGRESS", ["warning"]),
        ("UPDATE_ROLLBACK_COMPLETE", ["warning"]),
        ("UPDATE_ROLLBACK_FAILED", ["error"]),
        ("DELETE_FAILED", ["error"]),
    ],
)
def test_the_status_of_the_stack(value: str, severity: list[str]) -> None:
    assert [finding.severity for finding in status.judge("shop", value)] == severity


def test_roles_near_their_quota(doctor: Doctor) -> None:
    iam = doctor.cloud.client("iam")
    for number in range(800):
        iam.create_role(RoleName=f"other-{number}", AssumeRolePolicyDocument="{}")
    found = doctor.only("quotas")
    assert "of 1,000 roles" in found.what
    assert "--quota-code L-FE177D64 --desired-value 2000" in found.remedy


def test_more_jobs_at_one_minute_than_lambda_runs() -> None:
    jobs = [JobMetadata(f"job-{number}", (ScheduleMetadata("cron(0 6 * * ? *)"),)) for number in range(9)]
    at, peak = quotas.peak_of([*jobs, BERLIN], START)
    assert (at, peak) == (START + timedelta(hours=6), 9)
    (found,) = quotas.judge(quotas.Facts(concurrency=10, most_concurrency=40, peak=peak, peak_at=at))
    assert found.what == "9 jobs start at 2027-03-01 06:00 UTC; Lambda may run 10 at a time"
    assert found.remedy.endswith("--quota-code L-B99A9384 --desired-value 80")
    assert list(quotas.judge(quotas.Facts(concurrency=1000, peak=peak, peak_at=at))) == []


def test_letters_that_were_not_read_are_reported() -> None:
    (found,) = letters.judge(letters.Facts((), unread=("the queue may have more letters",)), 0)
    assert found.what == "the queue may have more letters"


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
