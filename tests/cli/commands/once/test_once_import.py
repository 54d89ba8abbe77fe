"""``cronstack once import``: it schedules each line, is repeatable, and rejects an invalid file as a whole."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.commands.shell import Done, Once


def lines(tmp_path: Path, *orders: Any) -> str:
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join(order if isinstance(order, str) else json.dumps(order) for order in orders), "utf-8")
    return str(file)


def test_a_file_is_scheduled_and_may_be_scheduled_again(once: Once, tmp_path: Path) -> None:
    orders = [{"key": f"order-{n}", "in": "3d", "input": {"order": n}} for n in range(12)]
    at = {"key": "order-x", "at": "2198-03-28T09:00", "timezone": "Europe/Berlin"}
    file = lines(tmp_path, *orders, "", at)
    assert once("import", "stats", file) == Done(0, "13 planned, 0 failed.\n", "")
    assert [event["input"] for event in once.events()[:2]] == [{"order": 0}, {"order": 1}]
    assert once("import", "stats", file, "--json").data == {"unchanged": 13, "failed": []}
    once.miss("order-3")
    assert once("import", "stats", file).out == "1 missed, 12 unchanged, 0 failed.\n"


def test_a_failing_line_does_not_stop_the_others(once: Once, tmp_path: Path) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    once("stats", "--key", "order-1", "--in", "1h")
    file = lines(
        tmp_path, {"key": "order-1", "in": "2h"}, {"key": "order-2", "in": "2h"}, {"key": "order-3", "at": past}
    )
    done = once("import", "stats", file, "--concurrency", "1")
    assert done.code == 1
    heading, *rows, _, last = done.out.splitlines()
    assert (heading.split()[0], last) == ("KEY", "1 planned, 2 failed.")
    assert "with another time. Pass --replace" in rows[0]
    assert "Pass --past run to run it at once" in rows[1]
    done = once("import", "stats", file, "--replace", "--past", "run", "--json")
    assert (done.code, done.data) == (0, {"moved": 1, "planned": 1, "unchanged": 1, "failed": []})


def test_the_last_of_several_lines_with_one_key_wins(once: Once, tmp_path: Path) -> None:
    orders = [{"key": "order-1", "in": "3d", "input": {"line": number}} for number in range(1, 6)]
    done = once("import", "stats", lines(tmp_path, *orders), "--replace")
    assert done.code == 0
    assert [event["input"] for event in once.events()] == [{"line": 5}]


class Stdin(NamedTuple):
    """Stdin of the command."""

    buffer: io.BytesIO


def test_orders_are_read_from_a_pipe(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = b'{"key": "order-1", "in": "3d"}\n\n{"key": "order-2", "in": "3d"}\n'
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(piped)))
    assert once("import", "stats", "-") == Done(0, "2 planned, 0 failed.\n", "")
    assert [event["key"] for event in once.events()] == ["order-1", "order-2"]


def test_an_invalid_line_of_a_pipe_schedules_nothing(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(b'{"key": "order-1", "in": "3d"}\n{')))
    done = once("import", "stats", "-")
    assert (done.code, once.events()) == (2, [])
    assert "<stdin>:2: is not JSON" in done.err


def test_orders_are_read_from_a_file_that_can_be_read_only_once(once: Once, tmp_path: Path) -> None:
    fifo = tmp_path / "orders"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_text, args=('{"key": "order-1", "in": "3d"}\n{',), daemon=True)
    writer.start()
    done = once("import", "stats", str(fifo))
    writer.join(5)
    assert (done.code, once.events()) == (2, [])
    assert f"{fifo}:2: is not JSON" in done.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a JSON object"),
        ({"in": "1h"}, 'has no "key"'),
        ({"key": "k"}, 'needs either "at" or "in"'),
        ({"key": "k", "in": "soon"}, "'soon' is not a valid span of time"),
        ({"key": "k", "in": "1h", "colour": "red"}, "unknown field 'colour'; valid fields are key,"),
        ({"key": 3, "in": "1h"}, 'its "key" is 3: write text, such as "order-4711"'),
        ({"key": None, "in": "1h"}, 'its "key" is null: write text'),
        ({"key": "", "in": "1h"}, "its \"key\" is '': write text of 1 to 1,024 bytes"),
        ({"key": "k" * 2000, "in": "1h"}, "write text of 1 to 1,024 bytes"),
        ({"key": "k", "in": "1h", "input": []}, "the input is a list, not a JSON object"),
        ({"key": "k", "in": "1h", "input": None}, "the input is null, not a JSON object"),
        ({"key": "k", "in": "1h", "input": {"a": "<aws.scheduler.x>"}}, "Scheduler would replace"),
        ('{"key": "k", "in": "1h", "input": {"a": 1e400}}', "the input cannot be written as JSON"),
    ],
)
def test_a_file_with_an_invalid_line_schedules_nothing(once: Once, tmp_path: Path, line: Any, message: str) -> None:
    done = once("import", "stats", lines(tmp_path, {"key": "good", "in": "1h"}, line))
    assert (done.code, done.out, once.events()) == (2, "", [])
    assert "orders.jsonl:2: " in done.err
    assert message in done.err


def test_only_the_first_invalid_lines_are_reported(once: Once, tmp_path: Path) -> None:
    done = once("import", "stats", lines(tmp_path, *["x"] * 9))
    assert ("orders.jsonl:5:" in done.err, "orders.jsonl:6:" in done.err, "and 4 more" in done.err) == (
        True,
        False,
        True,
    )
