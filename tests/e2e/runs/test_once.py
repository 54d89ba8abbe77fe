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


def test_a_one_time_job_runs_once_despite_later_deploys(
    deployed: Deployed,
    monkeypatch: "pytest.MonkeyPatch",  # noqa: UP037
) -> None:
    effects = deployed.effects / "once.jsonl"
    ahead = max(15, 3 * deployed.deployer.seconds)  # must exceed the duration of a deploy, estimated by the last one
    due = (datetime.now(BERLIN) + timedelta(seconds=ahead + 60)).replace(
        second=0
    )  # at() has a resolution of one minute
    monkeypatch.setenv("ONCE_AT", f"{due:%Y-%m-%dT%H:%M:%S}")
    monkeypatch.setenv("ONCE_EFFECTS", str(effects))
    deployed.deployer.deploy()
    watch = deployed.watch
    watch.until(lambda: bool(watch.all("finished", function=FUNCTION, outcome="ok")), 120 + ahead, "the one-time job")

    monkeypatch.setenv("ONCE_DEPLOY", "2")
    output = deployed.deployer.deploy()
    assert "(no changes)" not in output
    schedule = deployed.cloud.client("scheduler").get_schedule(Name=f"{FUNCTION}.1", GroupName="trial")
    assert json.loads(schedule["Target"]["Input"])["input"]["deploy"] == "2", "the deploy did touch the schedule"

    # Another deploy takes longer than a firing would, so the job has not fired again.
    assert "(no changes)" in deployed.deployer.deploy()
    lines = [json.loads(line) for line in effects.read_text().splitlines()]
    assert [(line["what"], line["attempt"]) for line in lines] == [("fired", 1)]
    assert len(watch.all("fired", schedule=lambda arn: arn.endswith("once.1"))) == 1
    assert os.environ["ONCE_DEPLOY"] == "2"
