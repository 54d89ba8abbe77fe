"""``cronstack once``: output, exit codes and errors of each command, and repeated calls."""

from __future__ import annotations

import json

import boto3
import pytest

from cronstack.errors import Argument, Method, OnceError, Part
from cronstack.ledger.partitions import open_list
from cronstack_infra.cli import run
from cronstack_infra.cli.commands.once.wording import as_options
from tests.cli.commands.shell import Once


def test_a_job_name_schedules_that_job(once: Once) -> None:
    made = once("stats", "--key", "order-1", "--in", "1d12h", "--input", '{"order": 1}')
    assert (made.code, made.err) == (0, "")
    assert made.out.startswith("Planned: stats 'order-1' for 20")
    assert "in 1 day 1" in made.out
    (event,) = once.events()
    assert (event["key"], event["input"]) == ("order-1", {"order": 1})
    again = once("--key", "order-1", "--in", "1d12h", "--input", '{"order": 1}', "stats", "--json")
    assert (again.code, again.data["outcome"], again.data["status"]) == (0, "unchanged", "planned")
    assert once("schedule", "stats", "--key", "order-1", "--after", "36h", "--input", '{"order": 1}').code == 0


def test_another_content_is_a_conflict_with_option_names(once: Once) -> None:
    once("stats", "--key", "order-1", "--in", "1h")
    refused = once("stats", "--key", "order-1", "--in", "2h")
    assert refused.code == 1
    assert "with another time" in refused.err
    assert "Pass --replace to plan it again, or call cronstack once move" in refused.err
    moved = once("stats", "--key", "order-1", "--in", "2h", "--replace")
    assert (moved.code, moved.out.split()[0], len(once.events())) == (0, "Moved:", 1)


def test_a_plan_is_moved_and_cancelled(once: Once) -> None:
    once("stats", "--key", "order-1", "--in", "1h")
    moved = once("move", "stats", "--key", "order-1", "--at", "2198-03-28T09:00", "--timezone", "Europe/Berlin")
    assert (moved.code, moved.out[:44]) == (0, "Moved: stats 'order-1' for 2198-03-28 07:00 ")
    cancelled = once("cancel", "stats", "--key", "order-1")
    assert (cancelled.code, cancelled.out) == (0, "Cancelled: stats 'order-1' will not run.\n")
    assert once.events() == []
    late = once("move", "stats", "--key", "order-1", "--in", "1h")
    assert (late.code, late.out) == (1, "")
    assert "Too late: stats 'order-1' was cancelled. To plan it again: cronstack once stats --replace" in late.err


def test_too_late_and_unknown_are_exit_code_1(once: Once) -> None:
    once("stats", "--key", "order-1", "--in", "1s")
    once.begin("order-1")
    for word in (("cancel", "stats"), ("move", "stats", "--in", "1h")):
        late = once(*word, "--key", "order-1")
        assert (late.code, late.out) == (1, "")
        assert (
            "Too late: the run of stats 'order-1' has begun. Nothing was changed. See: cronstack once show" in late.err
        )
    cancelled = once("cancel", "stats", "--key", "order-1", "--json")
    assert (cancelled.code, cancelled.err, cancelled.data["outcome"]) == (1, "", "too late")
    for word in (("cancel", "stats"), ("move", "stats", "--in", "1h"), ("show", "stats")):
        unknown = once(*word, "--key", "order-9")
        assert (unknown.code, unknown.out) == (1, "")
        assert "Unknown: stats 'order-9' was never scheduled" in unknown.err


def test_show_prints_all_fields(once: Once) -> None:
    once("stats", "--key", "a\x1b[31m", "--at", "2198-03-28T09:00:00+02:00", "--input", '{"n": 1}')
    shown = once("show", "stats", "--key", "a\x1b[31m").out
    fields = dict(line.split(None, 1) for line in shown.splitlines() if not line.startswith("asked"))
    assert (fields["status"], fields["input"]) == ("planned", '{"n": 1}')
    assert fields["due"].startswith("2198-03-28 07:00 UTC, in 1")
    assert fields["schedule"].startswith("shop-once/once.stats.")
    assert "2198-03-28T09:00:00+02:00" in shown
    assert "\x1b" not in shown
    data = once("show", "stats", "--key", "a\x1b[31m", "--json").data
    assert (data["due"], data["input"], data["run"]) == ("2198-03-28T07:00:00Z", {"n": 1}, None)


def test_a_begun_plan_is_shown_with_its_run(once: Once, capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("order-1", "order-2", "order-3"):
        once("stats", "--key", key, "--in", "1s")
    once.begin("order-1")
    once.begin("order-2")
    of = once("show", "stats", "order-2", "--json").data["occurrence"]
    error = json.dumps({"type": "ValueError", "message": "rain"})
    once.stage.change(
        f"run#{of}", status="retrying", attempt=2, error=error, listed=open_list("stats", of), after=once.stage.now
    )
    shown = once("show", "stats", "order-2").out
    fields = dict(line.split(None, 1) for line in shown.splitlines() if not line.startswith("asked"))
    assert fields["status"].startswith("retrying at ")
    assert (fields["attempt"].split(",")[0], fields["why"]) == ("2 of 3", "ValueError: rain")
    data = {one["key"]: one for one in once("list", "--json").data}
    assert [(one["status"], one["run"] and one["run"]["status"]) for one in data.values()] == [
        ("begun", "running"),
        ("begun", "retrying"),
        ("planned", None),
    ]
    for status, keys in (
        ("begun", ["order-1", "order-2"]),
        ("running", ["order-1"]),
        ("retrying", ["order-2"]),
        ("planned", ["order-3"]),
        ("dead", []),
    ):
        assert [one["key"] for one in once("list", "--status", status, "--json").data] == keys, status
    assert once("list", "--status", "retrying", "--prefix", "a", "--json").data == []
    row = once("list", "--status", "retrying").out.splitlines()[1]
    assert ", 2 of 3 " in row
    assert row.endswith("ValueError: rain")
    assert run(["runs", "stats", "--key", "order-2", "--stack", "shop", "--json"]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)] == ["retrying"]
    assert run(["runs", "stats", "--key", "order-3", "--stack", "shop", "--json"]) == 0
    assert [row["status"] for row in json.loads(capsys.readouterr().out)] == ["planned"]
    assert run(["runs", "--key", "order-3", "--stack", "shop"]) == 2


def test_a_missed_plan_is_shown_with_the_command_that_starts_it(once: Once, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("stats", "--key", "order-1", "--in", "1s", "--input", '{"order": 1}')
    once(*given)
    once.miss("order-1")
    redrive, move = "cronstack dead-letters redrive stats --origin missed", "cronstack once move stats --key order-1"
    shown = once("show", "stats", "order-1").out
    assert "status      missed\n" in shown
    assert f"to start it {redrive}, or {move} --in 1s\n" in shown
    assert "why         too_late: it could not start within 3600 s after" in shown
    assert '{"order": 1}' in shown
    listed = once("list").out
    assert listed.endswith(f"\nTo start the missed runs: {redrive}\n")
    assert "missed" in listed.splitlines()[1]
    data = once("list", "--status", "missed", "--json").data
    assert [(one["status"], one["run"]["status"], one["run"]["remedy"]) for one in data] == [
        ("missed", "missed", redrive)
    ]
    assert run(["runs", "stats", "--stack", "shop", "--status", "missed"]) == 0
    assert capsys.readouterr().out.endswith(f"\nTo start the missed runs: {redrive}\n")
    again = once(*given)
    assert (again.code, again.out.startswith("Unchanged: stats 'order-1'")) == (0, True)
    assert f"because it could not start in time. To start it: {redrive}, or {move}" in again.out
    late = once("cancel", "stats", "order-1")
    assert (late.code, "Too late: stats 'order-1' was missed, because it could not start in time" in late.err) == (
        1,
        True,
    )
    refused = once("stats", "--key", "order-1", "--in", "2h")
    assert refused.code == 1
    for expected in ("was missed", "Pass --replace to plan it again, or call cronstack once move to change", redrive):
        assert expected in refused.err
    moved = once("move", "stats", "order-1", "--in", "1h")
    assert (moved.code, moved.out.split()[0], once.events()[0]["input"]) == (0, "Moved:", {"order": 1})
    assert [one["status"] for one in once("list", "--json").data] == ["planned"]


def test_plans_are_listed_by_time(once: Once) -> None:
    assert once("list").out == "No plans.\n"
    for key, span in (("b/1", "2h"), ("a/2", "3h"), ("a/1", "1h")):
        once("stats", "--key", key, "--in", span)
    once("cancel", "stats", "--key", "b/1")
    heading, *rows = once("list").out.splitlines()
    assert heading.split()[:3] == ["JOB", "KEY", "STATUS"]
    assert [row.split()[1] for row in rows] == ["a/1", "b/1", "a/2"]
    assert rows[1].split()[2] == "cancelled"
    assert [one["key"] for one in once("list", "stats", "--prefix", "a/", "--json").data] == ["a/1", "a/2"]
    assert [one["key"] for one in once("list", "--status", "cancelled", "--json").data] == ["b/1"]


def test_a_job_with_the_name_of_a_command_needs_schedule(once: Once) -> None:
    refused = once("schedule", "list", "--key", "order-1", "--in", "1h")
    assert (refused.code, "code may not schedule a job 'list'" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["lst"], 2, "No such command 'lst'. Did you mean 'list'?"),
        (["stats"], 2, "Missing option '--key'"),
        (["stats", "--key", "k"], 2, "Give either --at TIME or --in SPAN."),
        (["stats", "--key", "k", "--in", "1h", "--at", "2030-01-01T00:00Z"], 2, "either --at TIME or --in SPAN"),
        (["stats", "--key", "k", "--in", "1h", "--timezone", "UTC"], 2, "--timezone needs --at"),
        (
            ["stats", "--key", "k", "--in", "soon"],
            2,
            "'soon' is not a valid span of time. Write 90s, 15m, 3d or 1d12h.",
        ),
        (["stats", "--key", "k", "--in", "12h1d"], 2, "is not a valid span of time"),
        (["stats", "--key", "k", "--in", "99999w"], 2, "is longer than 200 years"),
        (["stats", "--key", "k", "--at", "2198-03-28T02:30"], 2, "has no time zone. For example"),
        (["stats", "--key", "k", "--at", "2198-03-28"], 2, "--at 2198-03-28 has no time of day"),
        (["stats", "--key", "k", "--at", "2198-03-28T02:30Z", "--timezone", "UTC"], 2, "gives another"),
        (["stats", "--key", "k", "--at", "2198-03-28T02:30", "--timezone", "Mars"], 2, "Mars"),
        (
            ["stats", "--key", "k", "--at", "2027-03-28T02:30", "--timezone", "Europe/Berlin"],
            2,
            "--disambiguation earlier is 01:30:00+0100, --disambiguation later is 03:30:00+0200",
        ),
        (["stats", "--key", "k", "--at", "2020-01-01T00:00Z"], 2, " days, "),
        (["stats", "--key", "k", "--at", "2020-01-01T00:00Z"], 2, "Pass --past run to run it at once"),
        (["stats", "--key", "k", "--at", "2200-01-01T00:00Z"], 2, "2199"),
        (["stats", "--key", "", "--in", "1h"], 2, "the key '' is not valid"),
        (["stats", "--key", "k", "--in", "1h", "--input", "[]"], 2, "not a JSON object"),
        (["stats", "--key", "k", "--in", "1h", "--input", '{"a": "<aws.scheduler.x>"}'], 2, "Scheduler would replace"),
        (["stat", "--key", "k", "--in", "1h"], 1, "Did you mean stats? It may schedule: stats."),
        (["a b", "--key", "k", "--in", "1h"], 1, "code may not schedule a job 'a b'"),
        (["list", "stat"], 1, "It may schedule: stats."),
        (["list", "--status", "ill"], 2, "'ill' is not one of"),
        (["import", "stats", "absent.jsonl"], 2, "absent.jsonl"),
    ],
)
def test_invalid_arguments_are_one_message(once: Once, arguments: list[str], code: int, message: str) -> None:
    done = once(*arguments)
    assert done.code == code
    assert message in " ".join(done.err.split())
    assert (done.out, once.events()) == ("", [])


def test_a_past_time_runs_at_once_with_past_run(once: Once) -> None:
    done = once("stats", "--key", "k", "--at", "2020-01-01T00:00Z", "--past", "run")
    assert (done.code, len(once.events())) == (0, 1)


def test_disambiguation_selects_a_skipped_time(once: Once) -> None:
    at = ("--at", "2027-03-28T02:30", "--timezone", "Europe/Berlin", "--disambiguation", "later")
    assert "2027-03-28 01:30 UTC" in once("stats", "--key", "k", *at).out


@pytest.mark.parametrize("key", [("order-1",), ("--key", "order-1"), ("--key=order-1",)])
def test_a_key_is_an_argument_or_an_option_as_in_python(once: Once, key: tuple[str, ...]) -> None:
    once("stats", "--key", "order-1", "--in", "1h")
    assert once("show", "stats", *key, "--json").data["key"] == "order-1"
    assert once("move", "stats", *key, "--in", "2h").out.startswith("Moved: stats 'order-1'")
    assert once("cancel", "stats", *key).out.startswith("Cancelled: stats 'order-1'")


def test_a_key_may_begin_like_an_option(once: Once) -> None:
    once("stats", "--key=--x", "--in", "1h")
    assert once("show", "stats", "--json", "--key=--x").data["key"] == "--x"


@pytest.mark.parametrize("word", [("show",), ("cancel",), ("move", "--in", "1h")])
def test_a_key_is_required_exactly_once(once: Once, word: tuple[str, ...]) -> None:
    none = once(*word, "stats")
    assert (none.code, "The key of the plan is missing. Give KEY or --key KEY." in none.err) == (2, True)
    both = once(*word, "stats", "order-1", "--key", "order-2")
    assert (both.code, "Give the key only once: 'order-1' and --key 'order-2' were given." in both.err) == (2, True)


# -- other commands ----------------------------------------------------------------------------------------------------
def test_runs_show_what_is_planned_and_its_key(once: Once, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(8):
        once("stats", "--key", f"order-{number}", "--in", f"{number + 1}h")
    assert run(["runs", "--stack", "shop", "-n", "4"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert "KEY" in heading
    assert [row.split()[3] for row in rows[:4]] == ["planned"] * 4
    assert "order-0" in rows[3]
    assert rows[-1].startswith("More runs are planned, the next for 20")
    assert run(["runs", "--stack", "shop", "--status", "planned", "--json", "-n", "2"]) == 0
    assert [row["key"] for row in json.loads(capsys.readouterr().out)] == ["order-0", "order-1"]


def test_without_once_jobs_the_message_shows_the_declaration(once: Once) -> None:
    cloudformation = boto3.client("cloudformation")
    template = json.loads(json.dumps(cloudformation.get_template(StackName="shop")["TemplateBody"]))
    template["Outputs"] = {name: value for name, value in template["Outputs"].items() if not name.startswith("Once")}
    cloudformation.update_stack(StackName="shop", TemplateBody=json.dumps(template))
    assert "@job(schedule=once())" in once("list").out
    assert run(["strays", "--stack", "shop"]) == 0


@pytest.mark.parametrize(
    ("parts", "in_python", "on_the_command_line"),
    [
        (("Pass ", Argument("past", "run")), "Pass past='run'", "Pass --past run"),
        ((Argument("timezone", "X/Y"), " is"), "timezone='X/Y' is", "--timezone X/Y is"),
        (("Pass ", Argument("replace", True)), "Pass replace=True", "Pass --replace"),
        ((Argument("after", "1h"),), "after='1h'", "--in 1h"),
        (("call ", Method("move")), "call once.move(…)", "call cronstack once move"),
        (("a text with at='2027'",), "a text with at='2027'", "a text with at='2027'"),
    ],
)
def test_arguments_are_written_as_options(parts: tuple[Part, ...], in_python: str, on_the_command_line: str) -> None:
    error = OnceError(*parts, remedy=parts)
    assert (str(error), as_options(error.parts)) == (f"{in_python}\n  {in_python}", on_the_command_line)
    assert as_options(error.remedy_parts) == on_the_command_line
