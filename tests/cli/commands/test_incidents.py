"""``cronstack incidents``: its output and exit codes, with bad input too."""

from __future__ import annotations

import json
from datetime import timedelta

import boto3
import pytest

from cronstack import clock
from cronstack.ledger.watch_rows import IncidentItem, write_incident
from cronstack.occurrence import to_milliseconds
from cronstack.watchdog.scene import CAUSES
from cronstack_infra.cli import run
from tests.cli.commands.shell import Done
from tests.cronstack.stage import TABLE, Stage

pytestmark = pytest.mark.usefixtures("stage")

FACTS = {
    "occurrence": "t-2026-11-30T05:10:00Z",
    "key": "",
    "count": 1,
    "attempts": 3,
    "error": "KeyError",
    "message": "'supplier'",
    "ended": 1_796_015_405_000,
    "alert_after": 1,
    "of_keys": False,
}
LETTERS = {"queues": {"shop-handler": 3}}


class Incidents:
    """``cronstack incidents …`` on the stack."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, stack: str = "shop") -> Done:
        self._capsys.readouterr()
        code = run(["incidents", *arguments, "--stack", stack])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)


@pytest.fixture
def cronstack_incidents(capsys: pytest.CaptureFixture[str]) -> Incidents:
    return Incidents(capsys)


@pytest.fixture
def two_incidents(stage: Stage) -> None:
    """An incident of a job, and one of the stack."""
    now = to_milliseconds(clock.now() - timedelta(minutes=5))
    common = {"opened": now, "notified": now, "since": now}
    for item in (
        IncidentItem("stats", "failed", "01A", fingerprint="KeyError", facts=json.dumps(FACTS), **common),
        IncidentItem("", "dead-letters", "01B", facts=json.dumps(LETTERS), **common),
    ):
        boto3.client("dynamodb").update_item(**write_incident(TABLE, item).parameters)


def test_no_incidents(cronstack_incidents: Incidents) -> None:
    assert cronstack_incidents("list") == Done(0, "No incidents.\n", "")
    assert cronstack_incidents("list", "--json").data == []


@pytest.mark.usefixtures("two_incidents")
def test_incidents_are_listed_shown_and_acknowledged(cronstack_incidents: Incidents) -> None:
    listed = cronstack_incidents("list")
    assert listed.code == 0
    assert cronstack_incidents("list", "--exit-code") == listed._replace(code=1)
    assert "failed (KeyError)" in listed.out
    assert "5min ago  open" in listed.out
    shown = cronstack_incidents("show", "stats", "failed")
    assert shown.code == 0
    assert "Why: KeyError: 'supplier'" in shown.out
    assert "cronstack dead-letters redrive stats --wait --stack shop" in shown.out
    assert "3 letters in shop-handler" in cronstack_incidents("show", "-", "dead-letters").out
    done = cronstack_incidents("ack", "stats", "failed", "--reason", "Ada works on it")
    assert done == Done(0, "stats: failed acknowledged. No more reminders come.\n", "")
    assert "Acknowledged by arn:aws:" in cronstack_incidents("show", "stats", "failed").out
    assert cronstack_incidents("ack", "-", "dead-letters", "--json").data["status"] == "acknowledged"
    listed = cronstack_incidents("list", "--exit-code", "--json")
    assert listed.code == 0
    assert [(one["job"], one["status"], one["reason"]) for one in listed.data] == [
        ("stats", "acknowledged", "Ada works on it"),
        (None, "acknowledged", None),
    ]


@pytest.mark.usefixtures("two_incidents")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "stats", "broken"), 2, "'broken' is not one of 'missed'"),
        (("show", "stats"), 2, "Missing argument 'CAUSE'"),
        (("show", "stats", "missed"), 1, "no incident 'missed' of stats"),
        (("ack", "stat", "failed"), 1, "Did you mean stats failed?"),
        (("ack", "-", "clock"), 1, "no incident 'clock' of the stack"),
        (("close",), 2, "No such command 'close'"),
    ],
)
def test_bad_input_is_one_message(
    cronstack_incidents: Incidents, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = cronstack_incidents(*arguments)
    assert done.code == code, done.err
    assert message in done.err


@pytest.mark.parametrize("cause", [*CAUSES, "watchdog-silent"])
def test_each_cause_has_help(capsys: pytest.CaptureFixture[str], cause: str) -> None:
    assert run(["incidents", "help", cause]) == 0
    title, blank, *text = capsys.readouterr().out.splitlines()
    assert (title, blank) == (cause, "")
    assert text[0]
    assert not any(line.startswith("#") for line in text)


def test_help_on_an_unknown_cause_lists_the_causes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["incidents", "help", "fialed"]) == 1
    printed = capsys.readouterr().err
    assert "'fialed' is not a cause of incidents" in printed
    assert "Did you mean failed? Causes: missed, late," in printed


def test_a_stack_that_is_not_deployed(cronstack_incidents: Incidents) -> None:
    done = cronstack_incidents("list", stack="other")
    assert done.code == 1
    assert "the stack other is not deployed" in done.err
