"""``cronstack logs``: its output, its errors, and late lines with ``--follow``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from cronstack_infra.cli import run
from cronstack_infra.ops.logs import follow, read

GROUP = "/aws/lambda/shop-stats"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def logs(stage: Any) -> Any:
    import boto3

    client = boto3.client("logs")
    client.create_log_group(logGroupName=GROUP)
    return client


def write(client: Any, stream: str, *events: tuple[float, str]) -> None:
    """Write log events, each with its age in seconds."""
    known = [stream["logStreamName"] for stream in client.describe_log_streams(logGroupName=GROUP)["logStreams"]]
    if stream not in known:
        client.create_log_stream(logGroupName=GROUP, logStreamName=stream)
    log_events = [{"timestamp": ms(ago), "message": text} for ago, text in events]
    client.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=log_events)


def ms(ago: float) -> int:
    return int((NOW - timedelta(seconds=ago)).timestamp() * 1000)


def test_lines_of_all_streams_are_ordered_by_time(logs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write(logs, "a", (30, "START a"), (10, "Traceback:\n  File x\nred \x1b[31m"))
    write(logs, "b", (7200, "long ago"), (20, "START b\n"))
    assert run(["logs", "stats", "--stack", "shop"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[25:] for line in lines] == [
        "START a",
        "START b",
        "Traceback:",
        "  File x",
        "red \N{REPLACEMENT CHARACTER}[31m",
    ]
    assert lines[0].startswith(f"{NOW - timedelta(seconds=30):%Y-%m-%d %H:%M:%S}.000  ")
    assert lines[3].startswith(" " * 25)

    assert run(["logs", "stats", "--stack", "shop", "--since", "3h", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [line["text"] for line in found][:2] == ["long ago", "START a"]
    assert found[1] == {
        "at": f"{NOW - timedelta(seconds=30):%Y-%m-%dT%H:%M:%S}.000Z",
        "stream": "a",
        "text": "START a",
    }


def test_a_function_that_never_ran_has_no_lines(stage: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "stats", "--stack", "shop"]) == 0
    assert capsys.readouterr().out.startswith(f"Nothing in {GROUP} since ")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["logs", "stat", "--stack", "shop"], 1, "Did you mean stats?"),
        (["logs", "stats", "--stack", "absent"], 1, "the stack absent is not deployed in the Region us-east-1"),
        (["logs", "stats", "--stack", "shop", "--since", "yesterday"], 2, "'yesterday' is not a valid time"),
        (["logs", "--stack", "shop"], 2, "Missing argument 'JOB'"),
    ],
)
def test_invalid_arguments_are_refused(
    logs: Any, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    assert message in capsys.readouterr().err


def test_more_than_a_page_is_read_to_its_end(logs: Any) -> None:
    for part in range(3):
        write(logs, f"s{part}", *((100 - n / 100, f"{part}.{n}") for n in range(5000)))
    assert len({line.text for line in read(logs, GROUP, since=NOW - timedelta(hours=1))}) == 15000


def test_follow_prints_each_line_once_also_late_ones(logs: Any) -> None:
    write(logs, "a", (20, "one"))
    late = iter([lambda: write(logs, "b", (25, "late")), lambda: write(logs, "a", (1, "two"), (0, "three"))])
    now = NOW

    def sleep(seconds: float) -> None:
        nonlocal now
        assert seconds == 1
        next(late)()
        now += timedelta(seconds=1)

    lines = follow(logs, GROUP, since=NOW - timedelta(hours=1), clock=lambda: now, sleep=sleep)
    assert [line.text for line in islice(lines, 4)] == ["one", "late", "two", "three"]
