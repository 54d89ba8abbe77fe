"""The watchdog's job: its schedule, its environment, its heartbeat.

It never imports the jobs of the project: it reads their declarations from the deployed template.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final

from cronstack import clock
from cronstack.declaration import cron, job
from cronstack.entropy import SYSTEM, ulid
from cronstack.run import Run
from cronstack.settings import Settings
from cronstack.timing.aws_clock import date_of
from cronstack.watchdog.scene import PassReport, Scene, topic_of

NAME: Final = "watchdog"
"""Name of the job. No job of a project may have it."""


@job(
    name=NAME,
    schedule=cron("0/5 * * * ? *", timezone="UTC"),
    retries=0,
    timeout=240,
    start_deadline=240,
    memory=256,
)
def watchdog(run: Run) -> dict[str, int]:
    """Look at the stack once, and write the heartbeat of a finished pass."""
    from cronstack.watchdog.watching import one_pass

    now = clock.now_ms()
    scene = Scene.of(Settings.read(os.environ), topic_of(os.environ))
    report = one_pass(client, scene, now=now, ulid=lambda: ulid(now, SYSTEM), aws_time=date_of)
    run.log.info("pass finished", extra=heartbeat(report))
    return counts(report)


def counts(report: PassReport) -> dict[str, int]:
    """Return the numbers of a pass, for the ledger."""
    names = ("jobs", "open", "missed", "late", "opened", "notified", "cleared", "started", "requests")
    return {name: getattr(report, name) for name in names}


def heartbeat(report: PassReport) -> dict[str, Any]:
    """Return the metrics of a finished pass, as fields of its log line."""
    return {"WatchdogPasses": 1, "Missed": report.missed, "Late": report.late, "Incidents": report.open}


@cache
def client(service: str) -> Any:
    """Return a client of AWS. A sandbox keeps it as long as it lives."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 5})
    make: Any = boto3.client
    return make(service, config=config)
