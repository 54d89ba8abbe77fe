"""The real drive when its clock jumps: each schedule fires once, skipped instants are reported, retries are on time."""

from __future__ import annotations

import time
from pathlib import Path

from tests.local.jumping import jumping_cloud

HOUR = 3600


def test_a_clock_set_ahead_fires_each_schedule_once_and_set_back_delays_no_retry(tmp_path: Path) -> None:
    with jumping_cloud(tmp_path) as (cloud, clock):
        fails = cloud.function("fails", "def handler(event, context): raise ValueError('no')")
        works = cloud.function("works", "def handler(event, context): return 1")
        target = {"Arn": works, "RoleArn": cloud.scheduler_role, "Input": "{}"}
        for name in ("often", "other"):
            cloud.client("scheduler").create_schedule(
                Name=name, ScheduleExpression="rate(1 minute)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
            )
        cloud.await_end("works", 2)

        clock.set(ahead=HOUR)
        for name in ("often", "other"):
            arn = f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"
            assert 58 <= cloud.await_event("passed_over", schedule=arn)["count"] <= 60
        cloud.await_end("works", 4)
        assert len(cloud.events("fired")) == 4

        cloud.client("lambda").invoke(FunctionName=fails, InvocationType="Event", Payload=b"{}")
        cloud.await_event("retry", function="fails")
        clock.set(ahead=0)
        began = time.monotonic()
        assert abs(cloud.await_event("clock_set_back")["seconds"] - HOUR) <= 5
        cloud.await_event("started", function="fails", attempt=2, seconds=40)
        assert time.monotonic() - began < 40
