"""The path from CreateSchedule to the handler process matches the docstring of ``local``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.house.test_local_cloud import files_on_the_map
from tests.local.traced import FIRST_CALL, traced_cloud

OTHER_PROCESS = "executor/warden.py"
AT_ANY_TIME = {"drive.py", "executor/executor.py", "executor/warden_client.py"}
"""Files with a thread of their own, or that the engine's port calls for the time."""


def test_a_call_passes_through_the_files_in_the_order_of_the_docstring(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with traced_cloud(trace) as cloud:
        function = cloud.function("hello", "def handler(event, context): return 'here'")
        due = datetime.now(UTC) + timedelta(seconds=2)
        cloud.client("scheduler").create_schedule(
            Name="once",
            ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": function, "RoleArn": cloud.scheduler_role, "Input": json.dumps({})},
        )
        assert cloud.await_end("hello", 1) == ['"here"']
    before, _, after = trace.read_text("utf-8").partition("begin\n")
    start = files_on_the_map().index(FIRST_CALL[0])
    assert set(files_on_the_map()[:start]) <= set(before.splitlines())
    assert set(after.splitlines()) >= AT_ANY_TIME
    expected = [name for name in files_on_the_map()[start:] if name not in AT_ANY_TIME | {OTHER_PROCESS}]
    assert [name for name in after.splitlines() if name in expected] == expected
