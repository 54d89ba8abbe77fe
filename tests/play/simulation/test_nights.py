"""The nights of the clock changes, as a timetable: from the deployed template to the effects of the handlers.

Three jobs in each of three zones are deployed like any others. Every run puts one object into S3, named by its job and
its due time. After the night, the test draws these objects next to the clock of that night, one line each quarter of
an hour. The result must be the picture below.

    nightly      cron(45 1 * * ? *)         at 01:45
                 cron(15 2 * * ? *)         and at 02:15
    half_hours   cron(0/30 * * * ? *)       at each half hour of the wall clock
    elapsed      rate(30 minutes)           at each half hour of elapsed time

A wall-clock time that is skipped has no run. One that occurs twice has one run, the first time. rate() ignores changes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cronstack_infra.cli.commands.new.project import write_project
from cronstack_infra.play.simulation.cloud.assembly import synthesize
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.project import Project

SPRING_IN_BERLIN = """
Europe/Berlin, from 2027-03-28 00:00 UTC

00:00  01:00 CET    -        half_hours  elapsed
00:15  01:15 CET    -        -           -
00:30  01:30 CET    -        half_hours  elapsed
00:45  01:45 CET    nightly  -           -
01:00  03:00 CEST   -        half_hours  elapsed
01:15  03:15 CEST   -        -           -
01:30  03:30 CEST   -        half_hours  elapsed
01:45  03:45 CEST   -        -           -
02:00  04:00 CEST   -        half_hours  elapsed
02:15  04:15 CEST   -        -           -
"""
AUTUMN_IN_BERLIN = """
Europe/Berlin, from 2027-10-31 00:00 UTC

00:00  02:00 CEST   -        half_hours  elapsed
00:15  02:15 CEST   nightly  -           -
00:30  02:30 CEST   -        half_hours  elapsed
00:45  02:45 CEST   -        -           -
01:00  02:00 CET    -        -           elapsed
01:15  02:15 CET    -        -           -
01:30  02:30 CET    -        -           elapsed
01:45  02:45 CET    -        -           -
02:00  03:00 CET    -        half_hours  elapsed
02:15  03:15 CET    -        -           -
02:30  03:30 CET    -        half_hours  elapsed
"""
SPRING_IN_NEW_YORK = """
America/New_York, from 2027-03-14 06:00 UTC

06:00  01:00 EST    -        half_hours  elapsed
06:15  01:15 EST    -        -           -
06:30  01:30 EST    -        half_hours  elapsed
06:45  01:45 EST    nightly  -           -
07:00  03:00 EDT    -        half_hours  elapsed
07:15  03:15 EDT    -        -           -
07:30  03:30 EDT    -        half_hours  elapsed
07:45  03:45 EDT    -        -           -
08:00  04:00 EDT    -        half_hours  elapsed
"""
AUTUMN_IN_NEW_YORK = """
America/New_York, from 2027-11-07 05:00 UTC

05:00  01:00 EDT    -        half_hours  elapsed
05:15  01:15 EDT    -        -           -
05:30  01:30 EDT    -        half_hours  elapsed
05:45  01:45 EDT    nightly  -           -
06:00  01:00 EST    -        -           elapsed
06:15  01:15 EST    -        -           -
06:30  01:30 EST    -        -           elapsed
06:45  01:45 EST    -        -           -
07:00  02:00 EST    -        half_hours  elapsed
07:15  02:15 EST    nightly  -           -
07:30  02:30 EST    -        half_hours  elapsed
"""
SPRING_ON_LORD_HOWE = """
Australia/Lord_Howe, from 2027-10-02 14:30 UTC

14:30  01:00 +1030  -        half_hours  elapsed
14:45  01:15 +1030  -        -           -
15:00  01:30 +1030  -        half_hours  elapsed
15:15  01:45 +1030  nightly  -           -
15:30  02:30 +11    -        half_hours  elapsed
15:45  02:45 +11    -        -           -
16:00  03:00 +11    -        half_hours  elapsed
16:15  03:15 +11    -        -           -
16:30  03:30 +11    -        half_hours  elapsed
16:45  03:45 +11    -        -           -
17:00  04:00 +11    -        half_hours  elapsed
"""
AUTUMN_ON_LORD_HOWE = """
Australia/Lord_Howe, from 2027-04-03 14:00 UTC

14:00  01:00 +11    -        half_hours  elapsed
14:15  01:15 +11    -        -           -
14:30  01:30 +11    -        half_hours  elapsed
14:45  01:45 +11    nightly  -           -
15:00  01:30 +1030  -        -           elapsed
15:15  01:45 +1030  -        -           -
15:30  02:00 +1030  -        half_hours  elapsed
15:45  02:15 +1030  nightly  -           -
16:00  02:30 +1030  -        half_hours  elapsed
16:15  02:45 +1030  -        -           -
"""
NIGHTS = {name.lower(): text for name, text in list(globals().items()) if "_IN_" in name or "_ON_" in name}

JOBS = ("nightly", "half_hours", "elapsed")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
QUARTER = timedelta(minutes=15)

HANDLERS = '''
"""Three jobs in three zones; each run leaves one object."""

import json
import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import boto3

from cronstack import Run, cron, job, rate


def leave(run: Run, zone: str) -> None:
    local = run.scheduled.astimezone(ZoneInfo(zone))
    left = {"local": f"{local:%H:%M %Z}", "clock": datetime.now(UTC).isoformat()}
    key = f"{zone}/{run.job.rpartition('__')[2]}/{run.scheduled:%Y-%m-%dT%H:%M:%SZ}"
    boto3.client("s3").put_object(Bucket=os.environ["EFFECTS"], Key=key, Body=json.dumps(left))
'''
OF_A_ZONE = """

@job(schedule=[cron("45 1 * * ? *", timezone="{zone}"), cron("15 2 * * ? *", timezone="{zone}")])
def {name}__nightly(run: Run) -> None:
    leave(run, "{zone}")


@job(schedule=cron("0/30 * * * ? *", timezone="{zone}"))
def {name}__half_hours(run: Run) -> None:
    leave(run, "{zone}")


@job(schedule=rate("30 minutes"))
def {name}__elapsed(run: Run) -> None:
    leave(run, "{zone}")
"""
RESOURCES = '''
"""Where the runs leave their objects."""

from aws_cdk import CfnOutput
from aws_cdk import aws_s3 as s3


def resources(stack, jobs):
    effects = s3.Bucket(stack, "Effects")
    for job in jobs.values():
        effects.grant_put(job.function)
        job.function.add_environment("EFFECTS", effects.bucket_name)
    CfnOutput(stack, "Bucket", value=effects.bucket_name)
'''


Left = dict[tuple[str, str, datetime], dict[str, str]]
"""The objects of the runs, by zone, job and due time."""


class Night:
    """One timetable, in the format above."""

    def __init__(self, text: str) -> None:
        heading, self.lines = text.splitlines()[1], text.splitlines()[3:]
        self.zone, _, begin = heading.partition(", from ")
        self.first = datetime.fromisoformat(begin.removesuffix(" UTC")).replace(tzinfo=UTC)
        self.last = self.first + len(self.lines) * QUARTER

    def of(self, left: Left) -> dict[tuple[str, datetime], dict[str, str]]:
        """Return the objects of this night's own jobs."""
        return {
            (job, due): content
            for (zone, job, due), content in left.items()
            if zone == self.zone and self.first <= due < self.last
        }


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Write a project with the nine jobs."""
    root = tmp_path_factory.mktemp("nights")
    write_project(root, name="nights")
    jobs = [OF_A_ZONE.format(zone=zone, name=zone.rpartition("/")[2].lower()) for zone in ZONES]
    (root / "functions" / "jobs" / "hello.py").unlink()
    (root / "functions" / "jobs" / "nights.py").write_text("".join([HANDLERS.lstrip(), *jobs]))
    (root / "infra" / "resources.py").write_text(RESOURCES.lstrip())
    return Project.find(root)


@pytest.fixture(scope="module")
def left(project: Project) -> Left:
    """Play six nights of one deployment, one after the other, without the time between them."""
    assembly = synthesize(project)
    with VirtualCloud(datetime(2027, 1, 1, tzinfo=UTC), logs=False) as cloud:
        cloud.deploy(assembly)
        for night in sorted(map(Night, NIGHTS.values()), key=lambda night: night.first):
            cloud.jump(night.first)
            cloud.advance(night.last - timedelta(seconds=1))
        assert {event["outcome"] for event in cloud.events if event["event"] == "attempt"} == {"succeeded"}
        return effects(cloud)


def effects(cloud: VirtualCloud) -> Left:
    described = cloud.client("cloudformation").describe_stacks(StackName="nights")["Stacks"][0]
    bucket = next(output["OutputValue"] for output in described["Outputs"] if output["OutputKey"] == "Bucket")
    s3, objects = cloud.client("s3"), {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page["Contents"]:
            zone, job, due = each["Key"].rsplit("/", 2)
            body = s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
            objects[zone, job, datetime.fromisoformat(due)] = json.loads(body)
    return objects


def draw(night: Night, left: Left) -> str:
    """Draw the timetable of the objects."""
    own = night.of(left)
    rows = [f"\n{night.zone}, from {night.first:%Y-%m-%d %H:%M} UTC\n"]
    for due in (night.first + number * QUARTER for number in range(len(night.lines))):
        ran = [job if (job, due) in own else "-" for job in JOBS]
        shown = f"{due.astimezone(ZoneInfo(night.zone)):%H:%M %Z}"
        rows.append(f"{due:%H:%M}  {shown:11}  {ran[0]:7}  {ran[1]:10}  {ran[2]}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("text", NIGHTS.values(), ids=NIGHTS)
def test_the_night_matches_its_timetable(left: Left, text: str) -> None:
    night = Night(text)
    assert draw(night, left) == text
    assert len(night.of(left)) == sum(line.count(job) for line in night.lines for job in JOBS), (
        "a run is not on a quarter of an hour"
    )
    for (_, due), content in night.of(left).items():
        assert content["local"] == f"{due.astimezone(ZoneInfo(night.zone)):%H:%M %Z}"
        assert timedelta() <= datetime.fromisoformat(content["clock"]) - due < timedelta(minutes=1), (
            "the run is not in its minute"
        )
