"""``cronstack up`` is killed at random moments under load: no process, port or file stays, and the next start works.

Two lanes of ten kills run in parallel. Each has its own port, temporary folder and mark in its environment. Half of
the kills come during the start, half while schedules fire and handlers run, and one during a deploy. At the end
each lane starts again, and one deploys.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from cronstack_infra.local.environment import ACCESS_KEY, endpoint
from tests.e2e.projects import user_project
from tests.e2e.watch import Watch
from tests.kit import bound
from tests.kit.processes import ended_within, family, processes
from tests.local.quick_cloud import Cloud

KILLS = 20
LANES = 2
SEED = int(os.environ.get("CRONSTACK_TEST_SEED", "20261123"))
HANGS = """
import subprocess, sys, time
def handler(event, context):
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"], start_new_session=True)
    time.sleep(300)
"""


def marked(*marks: str) -> set[int]:
    """Return the processes with one of these marks in their environment or command line."""
    pids = set()
    for pid in processes():
        with contextlib.suppress(OSError):
            text = b"".join((Path("/proc") / str(pid) / name).read_bytes() for name in ("environ", "cmdline"))
            if any(mark.encode() in text for mark in marks):
                pids.add(pid)
    return pids


def free_port() -> int:
    """Return a free port below the range that the system assigns to clients and to port 0."""
    while True:
        port = random.randrange(15000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Lane:
    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self.files = folder / "tmp"
        self.files.mkdir(parents=True)
        self.port = free_port()
        self.mark = f"CRONSTACK_TEST_MARK=lane{number}-{os.getpid()}-{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def up(self, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        name, _, value = self.mark.partition("=")
        self.process = bound.popen(
            [sys.executable, "-m", "cronstack_infra.cli", "up", "--port", str(self.port), *arguments],
            cwd=cwd or self.folder,
            env=os.environ | {name: value, "TMPDIR": str(self.files), "COLUMNS": "120", "CRONSTACK_TRACEBACK": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.process

    def client(self, service: str) -> Any:
        return boto3.Session().client(
            service,
            endpoint_url=endpoint(self.port),
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=20),
        )

    def load(self) -> None:
        """Create schedules that fire at once and functions that hang, until the kill interrupts it."""
        with contextlib.suppress(BotoCoreError, ClientError, HTTPClientError):
            cloud = Cloud.__new__(Cloud)
            cloud.client = self.client
            cloud.handler_role = cloud.role("handlers", "lambda.amazonaws.com")
            role = cloud.role("scheduler", "scheduler.amazonaws.com", {"Action": "lambda:*", "Resource": "*"})
            arn = cloud.function("hangs", HANGS, Timeout=600)
            for number in range(6):
                self.client("scheduler").create_schedule(
                    Name=f"load{number}",
                    ScheduleExpression="rate(1 minute)",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    Target={"Arn": arn, "RoleArn": role, "Input": "{}"},
                )

    def kill(self) -> None:
        """Send SIGKILL, then wait until nothing is left."""
        assert self.process is not None
        pids = family(self.process.pid)
        self.process.kill()
        self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        end = time.monotonic() + 60
        for pid in pids:
            ended_within(pid, end - time.monotonic())
        while left := self.left(pids):
            assert time.monotonic() < end, f"lane {self.number}: still there: {left}"
            time.sleep(0.2)

    def left(self, pids: set[int]) -> list[str]:
        """Return what a start has left: processes, the port, temporary files."""
        alive = (pids & set(processes())) | marked(self.mark, endpoint(self.port))
        left = [f"process {pid}: {_command(pid)[:150]}" for pid in sorted(alive)]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                left.append(f"port {self.port}")
        # only the cdk CLI's output folder of a killed process group may stay
        return left + [str(path) for path in self.files.glob("*") if (path / "image").exists()]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return "gone"


def deploying(pid: int) -> bool:
    """Return whether a process has ``cdk deploy`` among its descendants."""
    return any("aws-cdk/bin/cdk deploy " in _command(child) for child in family(pid))


@pytest.fixture
def lanes(tmp_path: Path) -> Iterator[list[Lane]]:
    created = [Lane(number, tmp_path / f"lane{number}") for number in range(LANES)]
    yield created
    for lane in created:
        if lane.process is not None:
            lane.process.kill()
            lane.process.communicate(timeout=60)


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if words in line:
            return
    pytest.fail(f"{words!r} is missing in the output:\n{output}")


def kill_repeatedly(lane: Lane, chance: random.Random) -> list[str]:
    reports = []
    for number in range(KILLS // LANES):
        early = number % 2 == 0
        seconds = chance.uniform(0.1, 4.0) if early else chance.uniform(0.0, 1.5)
        process = lane.up("--no-deploy")
        if not early:
            read_until(process, "Ctrl-C stops it")
        with ThreadPoolExecutor(1) as pool:
            loading = pool.submit(lane.load) if not early else None
            if loading is not None and number % 4 == 1:
                loading.result(60)  # all schedules have fired
            time.sleep(seconds)
            before = len(family(process.pid))
            lane.kill()
        reports.append(f"lane {lane.number}, kill {number}: {seconds:.2f} s, {before} processes")
    return reports


def test_twenty_kills_leave_nothing_and_the_next_start_works(lanes: list[Lane]) -> None:
    with ThreadPoolExecutor(LANES) as pool:
        runs = [pool.submit(kill_repeatedly, lane, random.Random(SEED + lane.number)) for lane in lanes]
        reports = [line for run in runs for line in run.result(400)]
    print(f"seed {SEED}", *reports, sep="\n")
    assert len(reports) == KILLS
    for lane in lanes:
        read_until(lane.up("--no-deploy"), "Ctrl-C stops it")
        lane.kill()


def test_a_kill_during_a_deploy_ends_the_cdk_cli_and_the_next_deploy_succeeds(
    lanes: list[Lane],
) -> None:
    lane = lanes[0]
    project = lane.folder / "shop"
    user_project(project, "shop", cloud=Watch())  # type: ignore[arg-type]
    lane.up(cwd=project)
    assert lane.process is not None
    end = time.monotonic() + 180
    while not deploying(lane.process.pid):
        assert time.monotonic() < end, "cdk deploy was never started"
        time.sleep(0.25)  # each check reads all processes of the machine
    time.sleep(random.Random(SEED).uniform(0.1, 1.5))  # shorter than the start of the CLI and the app on any machine
    assert deploying(lane.process.pid), "the deploy was over before the kill"
    lane.kill()
    read_until(lane.up(cwd=project), "Ctrl-C stops it")
    assert lane.client("scheduler").list_schedule_groups()["ScheduleGroups"][-1]["Name"] != "default"
    lane.kill()
