"""``cronstack once``: what each command says and answers, how it refuses, and that two in a row are one."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from cronstack import clock
from cronstack.event import parse_event
from cronstack_infra.cli import run
from cronstack_infra.cli.commands.once.words import words
from tests.cli.conftest import WIRING
from tests.cronstack.stage import Stage


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        return json.loads(self.out)


class Once:
    """``cronstack once …`` on the stack."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage, self._capsys = stage, capsys

    def __call__(self, *arguments: str) -> Done:
        code = run(["once", *arguments, "--stack", "shop"])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)

    def events(self) -> list[dict[str, Any]]:
        listed = self.stage.scheduler.list_schedules(GroupName=WIRING.group)["Schedules"]
        got = [self.stage.scheduler.get_schedule(GroupName=WIRING.group, Name=one["Name"]) for one in listed]
        return sorted((json.loads(one["Target"]["Input"]) for one in got), key=lambda event: event["key"])

    def begin(self, key: str) -> None:
        """It begins now, before its time."""
        (event,) = [event for event in self.events() if event["key"] == key]
        self.stage.now = clock.now_ms()
        self.stage.delivery(parse_event(event, "stats")).until("Work")


@pytest.fixture
def once(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Once:
    return Once(stage, capsys)


def test_a_word_that_is_no_command_is_a_job(once: Once) -> None:
    made = once("stats", "--key", "order-1", "--in", "1d12h", "--input", '{"order": 1}')
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("Planned: stats 'order-1' for 20")
    assert "in 1 day 1" in made.out
    (event,) = once.events()
    assert (event["key"], event["input"]) == ("order-1", {"order": 1})
    again = once("--key", "order-1", "--in", "1d12h", "--input", '{"order": 1}', "stats", "--json")
    assert (again.code, again.told["outcome"], again.told["status"]) == (0, "unchanged", "planned")
    assert once("schedule", "stats", "--key", "order-1", "--in", "36h", "--input", '{"order": 1}').code == 0


def test_another_content_is_a_conflict_in_the_words_of_the_shell(once: Once) -> None:
    once("stats", "--key", "order-1", "--in", "1h")
    refused = once("stats", "--key", "order-1", "--in", "2h")
    assert refused.code == 1
    assert "with another time" in refused.err
    assert "Say --replace to plan it anew, or cronstack once move" in refused.err
    moved = once("stats", "--key", "order-1", "--in", "2h", "--replace")
    assert (moved.code, moved.out.split()[0], len(once.events())) == (0, "Moved:", 1)


def test_it_is_moved_and_taken_back(once: Once) -> None:
    once("stats", "--key", "order-1", "--in", "1h")
    moved = once("move", "stats", "--key", "order-1", "--at", "2198-03-28T09:00", "--timezone", "Europe/Berlin")
    assert (moved.code, moved.out[:44]) == (0, "Moved: stats 'order-1' for 2198-03-28 07:00 ")
    gone = once("cancel", "stats", "--key", "order-1")
    assert (gone.code, gone.out) == (0, "Cancelled: stats 'order-1' does not run.\n")
    assert once.events() == []
    late = once("move", "stats", "--key", "order-1", "--in", "1h")
    assert (late.code, late.out) == (1, "")
    assert "Too late: stats 'order-1' was cancelled. To plan it anew: cronstack once stats --replace" in late.err


def test_too_late_and_unknown_are_exit_code_1(once: Once) -> None:
    once("stats", "--key", "order-1", "--in", "1s")
    once.begin("order-1")
    for word in (("cancel", "stats"), ("move", "stats", "--in", "1h")):
        late = once(*word, "--key", "order-1")
        assert (late.code, late.out) == (1, "")
        assert "Too late: stats 'order-1' has begun, nothing was changed. It is running now." in late.err
    told = once("cancel", "stats", "--key", "order-1", "--json")
    assert (told.code, told.err, told.told["outcome"]) == (1, "", "too late")
    for word in (("cancel", "stats"), ("move", "stats", "--in", "1h"), ("show", "stats")):
        unknown = once(*word, "--key", "order-9")
        assert (unknown.code, unknown.out) == (1, "")
        assert "Unknown: nothing was scheduled by stats 'order-9'" in unknown.err


def test_one_is_shown_whole(once: Once) -> None:
    once("stats", "--key", "a\x1b[31m", "--at", "2198-03-28T09:00:00+02:00", "--input", '{"n": 1}')
    shown = once("show", "stats", "--key", "a\x1b[31m").out
    fields = dict(line.split(None, 1) for line in shown.splitlines() if not line.startswith("asked"))
    assert (fields["status"], fields["input"]) == ("planned", '{"n": 1}')
    assert fields["due"].startswith("2198-03-28 07:00 UTC, in 1")
    assert fields["schedule"].startswith("shop-once/once.stats.")
    assert "2198-03-28T09:00:00+02:00" in shown
    assert "\x1b" not in shown
    told = once("show", "stats", "--key", "a\x1b[31m", "--json").told
    assert (told["due"], told["input"], told["confirmed"]) == ("2198-03-28T07:00:00Z", {"n": 1}, True)


def test_they_are_listed_by_their_times(once: Once) -> None:
    assert once("list").out == "Nothing.\n"
    for key, span in (("b/1", "2h"), ("a/2", "3h"), ("a/1", "1h")):
        once("stats", "--key", key, "--in", span)
    once("cancel", "stats", "--key", "b/1")
    heading, *rows = once("list").out.splitlines()
    assert heading.split()[:3] == ["JOB", "KEY", "STATUS"]
    assert [row.split()[1] for row in rows] == ["a/1", "b/1", "a/2"]
    assert rows[1].endswith("cancelled")
    assert [one["key"] for one in once("list", "stats", "--prefix", "a/", "--json").told] == ["a/1", "a/2"]
    assert [one["key"] for one in once("list", "--status", "skipped", "--json").told] == ["b/1"]


def test_a_job_that_is_called_like_a_command_is_reached_by_schedule(once: Once) -> None:
    refused = once("schedule", "list", "--key", "order-1", "--in", "1h")
    assert (refused.code, "code may not schedule a job 'list'" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["lst"], 2, "No such command 'lst'. Did you mean 'list'?"),
        (["stats"], 2, "Missing option '--key'"),
        (["stats", "--key", "k"], 2, "When? Say --at TIME or --in SPAN, one of them."),
        (["stats", "--key", "k", "--in", "1h", "--at", "2030-01-01T00:00Z"], 2, "one of them"),
        (["stats", "--key", "k", "--in", "1h", "--timezone", "UTC"], 2, "--timezone belongs to --at"),
        (["stats", "--key", "k", "--in", "soon"], 2, "'soon' is no span of time. Write 90s, 15m, 3d or 1d12h."),
        (["stats", "--key", "k", "--in", "12h1d"], 2, "is no span of time"),
        (["stats", "--key", "k", "--in", "99999w"], 2, "is longer than any calendar"),
        (["stats", "--key", "k", "--at", "2198-03-28T02:30"], 2, "does not say in which time zone. Write"),
        (["stats", "--key", "k", "--at", "2198-03-28"], 2, "--at 2198-03-28 is no time"),
        (["stats", "--key", "k", "--at", "2198-03-28T02:30Z", "--timezone", "UTC"], 2, "says its zone itself"),
        (["stats", "--key", "k", "--at", "2198-03-28T02:30", "--timezone", "Mars"], 2, "Mars"),
        (
            ["stats", "--key", "k", "--at", "2027-03-28T02:30", "--timezone", "Europe/Berlin"],
            2,
            "--disambiguation earlier is 01:30:00+0100, --disambiguation later is 03:30:00+0200",
        ),
        (["stats", "--key", "k", "--at", "2020-01-01T00:00Z"], 2, " days, "),
        (["stats", "--key", "k", "--at", "2020-01-01T00:00Z"], 2, "Say --past run to run it at once"),
        (["stats", "--key", "k", "--at", "2200-01-01T00:00Z"], 2, "2199"),
        (["stats", "--key", "", "--in", "1h"], 2, "the key '' is not valid"),
        (["stats", "--key", "k", "--in", "1h", "--input", "[]"], 2, "not a JSON object"),
        (["stats", "--key", "k", "--in", "1h", "--input", '{"a": "<aws.scheduler.x>"}'], 2, "Scheduler would replace"),
        (["stat", "--key", "k", "--in", "1h"], 1, "Did you mean stats? It may schedule: stats."),
        (["a b", "--key", "k", "--in", "1h"], 1, "code may not schedule a job 'a b'"),
        (["list", "stat"], 1, "It may schedule: stats."),
        (["list", "--status", "ill"], 2, "'ill' is not one of"),
        (["import", "stats", "nowhere.jsonl"], 2, "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_done_is_one_message(once: Once, arguments: list[str], code: int, complaint: str) -> None:
    done = once(*arguments)
    assert done.code == code
    assert complaint in " ".join(done.err.split())
    assert (done.out, once.events()) == ("", [])


def test_what_is_past_runs_at_once_if_one_says_so(once: Once) -> None:
    done = once("stats", "--key", "k", "--at", "2020-01-01T00:00Z", "--past", "run")
    assert (done.code, len(once.events())) == (0, 1)


def test_a_skipped_time_is_what_one_says(once: Once) -> None:
    at = ("--at", "2027-03-28T02:30", "--timezone", "Europe/Berlin", "--disambiguation", "later")
    assert "2027-03-28 01:30 UTC" in once("stats", "--key", "k", *at).out


def test_strays_are_told_and_mended(once: Once) -> None:
    assert once("strays") == Done(0, "No strays.\n", "")
    once("stats", "--key", "order-1", "--in", "1h")
    (listed,) = once.stage.scheduler.list_schedules(GroupName=WIRING.group)["Schedules"]
    once.stage.scheduler.delete_schedule(GroupName=WIRING.group, Name=listed["Name"])
    assert once("strays").code == 0, "younger than five minutes"
    plan = once("show", "stats", "--key", "order-1", "--json").told
    old = clock.now_ms() - 600_000
    once.stage.change(f"run#{plan['occurrence']}", revision=old, confirmed=old)
    told = once("strays")
    assert told.code == 1
    assert "somebody deleted its schedule" in told.out
    assert told.out.endswith("\n1 stray.\n")
    assert once("strays", "--json").told[0]["remedy"] == "--mend makes its schedule"
    mended = once("strays", "--mend")
    assert (mended.code, mended.out.splitlines()[-1]) == (0, "1 mended, 0 left.")
    assert len(once.events()) == 1
    assert once("strays").code == 0


@pytest.mark.parametrize("key", [("order-1",), ("--key", "order-1"), ("--key=order-1",)])
def test_a_key_is_an_argument_or_an_option_as_in_python(once: Once, key: tuple[str, ...]) -> None:
    once("stats", "--key", "order-1", "--in", "1h")
    assert once("show", "stats", *key, "--json").told["key"] == "order-1"
    assert once("move", "stats", *key, "--in", "2h").out.startswith("Moved: stats 'order-1'")
    assert once("cancel", "stats", *key).out.startswith("Cancelled: stats 'order-1'")


def test_a_key_that_begins_like_an_option_can_be_said(once: Once) -> None:
    once("stats", "--key=--x", "--in", "1h")
    assert once("show", "stats", "--json", "--key=--x").told["key"] == "--x"


@pytest.mark.parametrize("word", [("show",), ("cancel",), ("move", "--in", "1h")])
def test_a_key_is_given_once(once: Once, word: tuple[str, ...]) -> None:
    none = once(*word, "stats")
    assert (none.code, "Which one? Give its key: KEY or --key KEY." in none.err) == (2, True)
    both = once(*word, "stats", "order-1", "--key", "order-2")
    assert (both.code, "The key is given twice: 'order-1' and --key 'order-2'." in both.err) == (2, True)


# -- import ------------------------------------------------------------------------------------------------------------
def lines(tmp_path: Path, *orders: Any) -> str:
    file = tmp_path / "orders.jsonl"
    file.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in orders), "utf-8")
    return str(file)


def test_a_file_is_scheduled_and_may_be_scheduled_again(once: Once, tmp_path: Path) -> None:
    orders = [{"key": f"order-{n}", "in": "3d", "input": {"order": n}} for n in range(12)]
    at = {"key": "order-x", "at": "2198-03-28T09:00", "timezone": "Europe/Berlin"}
    file = lines(tmp_path, *orders, "", at)
    assert once("import", "stats", file) == Done(0, "13 planned, 0 failed.\n", "")
    assert [event["input"] for event in once.events()[:2]] == [{"order": 0}, {"order": 1}]
    assert once("import", "stats", file, "--json").told == {"unchanged": 13, "failed": []}


def test_a_line_that_fails_stops_no_other_one(once: Once, tmp_path: Path) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    once("stats", "--key", "order-1", "--in", "1h")
    file = lines(
        tmp_path, {"key": "order-1", "in": "2h"}, {"key": "order-2", "in": "2h"}, {"key": "order-3", "at": past}
    )
    done = once("import", "stats", file, "--concurrency", "1")
    assert done.code == 1
    heading, *rows, _, last = done.out.splitlines()
    assert (heading.split()[0], last) == ("KEY", "1 planned, 2 failed.")
    assert "with another time. Say --replace" in rows[0]
    assert "Say --past run to run it at once" in rows[1]
    done = once("import", "stats", file, "--replace", "--past", "run", "--json")
    assert (done.code, done.told) == (0, {"moved": 1, "planned": 1, "unchanged": 1, "failed": []})


def test_of_several_lines_of_one_key_the_last_one_stands(once: Once, tmp_path: Path) -> None:
    orders = [{"key": "order-1", "in": "3d", "input": {"line": number}} for number in range(1, 6)]
    done = once("import", "stats", lines(tmp_path, *orders), "--replace")
    assert done.code == 0
    assert [event["input"] for event in once.events()] == [{"line": 5}]


class Stdin(NamedTuple):
    """What a shell pipes into the command."""

    buffer: io.BytesIO


def test_orders_are_read_from_a_pipe(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
    piped = b'{"key": "order-1", "in": "3d"}\n\n{"key": "order-2", "in": "3d"}\n'
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(piped)))
    assert once("import", "stats", "-") == Done(0, "2 planned, 0 failed.\n", "")
    assert [event["key"] for event in once.events()] == ["order-1", "order-2"]


def test_a_wrong_line_of_a_pipe_schedules_nothing(once: Once, monkeypatch: pytest.MonkeyPatch) -> None:
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
    ("line", "complaint"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a JSON object"),
        ({"in": "1h"}, 'has no "key"'),
        ({"key": "k"}, 'says when by "at" or by "in", one of them'),
        ({"key": "k", "in": "soon"}, "'soon' is no span of time"),
        ({"key": "k", "in": "1h", "colour": "red"}, "there is no 'colour'; known are key,"),
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
def test_a_file_with_a_wrong_line_schedules_nothing(once: Once, tmp_path: Path, line: Any, complaint: str) -> None:
    done = once("import", "stats", lines(tmp_path, {"key": "good", "in": "1h"}, line))
    assert (done.code, done.out, once.events()) == (2, "", [])
    assert "orders.jsonl:2: " in done.err
    assert complaint in done.err


def test_of_many_wrong_lines_a_few_are_told(once: Once, tmp_path: Path) -> None:
    done = once("import", "stats", lines(tmp_path, *["x"] * 9))
    assert ("orders.jsonl:5:" in done.err, "orders.jsonl:6:" in done.err, "and 4 more" in done.err) == (
        True,
        False,
        True,
    )


# -- the neighbours ----------------------------------------------------------------------------------------------------
def test_runs_show_what_is_planned_and_its_key(once: Once, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        once("stats", "--key", f"order-{number}", "--in", f"{number + 1}h")
    assert run(["runs", "--stack", "shop", "-n", "4"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert "KEY" in heading
    assert [row.split()[3] for row in rows[:4]] == ["planned"] * 4
    assert "order-0" in rows[3]
    assert rows[-1] == "4 more are planned for later: cronstack once list"
    assert run(["runs", "--stack", "shop", "--status", "planned", "--json", "-n", "2"]) == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == ["order-0", "order-1"]


def test_code_that_may_schedule_nothing_is_told_what_to_declare(once: Once) -> None:
    cloudformation = boto3.client("cloudformation")
    template = json.loads(json.dumps(cloudformation.get_template(StackName="shop")["TemplateBody"]))
    template["Outputs"] = {name: value for name, value in template["Outputs"].items() if not name.startswith("Once")}
    cloudformation.update_stack(StackName="shop", TemplateBody=json.dumps(template))
    assert "@job(schedule=once())" in once("list").out
    assert once("strays").out == "No strays.\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('Say past="run" to run it', "Say --past run to run it"),
        ("timezone='X/Y' is", "--timezone X/Y is"),
        ("at='2027' is no time", "--at 2027 is no time"),
        ("at=2027-01-01 00:00:00+00:00 says", "--at 2027-01-01 00:00:00+00:00 says"),
        ("Say replace=True to", "Say --replace to"),
    ],
)
def test_arguments_are_told_as_options(text: str, told: str) -> None:
    assert words(text) == told
