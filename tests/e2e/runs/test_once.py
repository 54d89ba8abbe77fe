"""The at() job of a deployed stack fires once, and still once after a second deploy that touches its schedule."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.conftest import Deployed

BERLIN = ZoneInfo("Europe/Berlin")
FUNCTION = "trial-once"


def test_a_one_time_job_runs_once_whatever_is_deployed_afterwards(
    deployed: Deployed,
    monkeypatch: "pytest.MonkeyPatch",  # noqa: UP037
) -> None:
    effects = deployed.effects / "once.jsonl"
    ahead = max(15, 3 * deployed.deployer.seconds)  # by then the deploy has to be over; the last one tells
    due = (datetime.now(BERLIN) + timedelta(seconds=ahead + 60)).replace(second=0)  # at() names a minute
    monkeypatch.setenv("ONCE_AT", f"{due:%Y-%m-%dT%H:%M:%S}")
    monkeypatch.setenv("ONCE_EFFECTS", str(effects))
    deployed.deployer.deploy()
    watch = deployed.watch
    watch.until(lambda: bool(watch.all("finished", function=FUNCTION, outcome="ok")), 120 + ahead, "the one-time job")

    monkeypatch.setenv("ONCE_DEPLOY", "2")
    said = deployed.deployer.deploy()
    assert "(no changes)" not in said
    schedule = deployed.cloud.client("scheduler").get_schedule(Name=f"{FUNCTION}.1", GroupName="trial")
    assert json.loads(schedule["Target"]["Input"])["input"]["deploy"] == "2", "the deploy did touch the schedule"

    # A schedule due after the deploy, on the same engine, shows that whatever the deploy let fire has fired.
    assert "(no changes)" in deployed.deployer.deploy()
    lines = [json.loads(line) for line in effects.read_text().splitlines()]
    assert [(line["what"], line["attempt"]) for line in lines] == [("fired", 1)]
    assert len(watch.all("fired", schedule=lambda arn: arn.endswith("once.1"))) == 1
    assert os.environ["ONCE_DEPLOY"] == "2"
