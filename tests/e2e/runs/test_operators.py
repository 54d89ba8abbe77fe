"""The operators' commands against a deployed stack on a local cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cronstack import clock
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.runs import find_run
from tests.e2e.conftest import Deployed
from tests.kit import bound

DAY = 86_400


def cronstack(deployed: Deployed, *args: str, code: int = 0) -> str:
    """Run a command in the project's folder. Return stdout, or stderr if stdout is empty."""
    port = deployed.cloud.endpoint.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", *args, "--port", port],
        cwd=deployed.deployer.root,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout or done.stderr


def read(deployed: Deployed, *args: str, code: int = 0) -> Any:
    return json.loads(cronstack(deployed, *args, "--json", code=code))


def test_a_failed_trigger_is_listed_fixed_and_redriven(deployed: Deployed, tmp_path: Path) -> None:
    needed = tmp_path / "needed"
    row = read(deployed, "trigger", "fragile", "--input", json.dumps({"needs": str(needed)}), "--wait", code=1)
    assert (row["status"], row["attempt"]) == ("dead", 1)
    occurrence = row["occurrence"]

    for _ in range(2):  # listing changes nothing
        letters = [letter for letter in read(deployed, "dead-letters", "list") if letter["job"] == "fragile"]
        assert [letter["occurrence"] for letter in letters] == [occurrence]
    assert letters[0]["error"] == f"FileNotFoundError: no {needed}"
    assert "FileNotFoundError" in cronstack(deployed, "dead-letters", "summary")
    (shown,) = read(deployed, "dead-letters", "show", occurrence)
    assert shown["body"]["requestContext"]["condition"] == "RetriesExhausted"

    needed.touch()
    (driven,) = read(deployed, "dead-letters", "redrive", "fragile", "--wait")
    assert (driven["accepted"], driven["detail"]) == (True, "attempt 2: succeeded")
    assert read(deployed, "dead-letters", "list", "fragile") == []
    assert f"{occurrence}" in cronstack(deployed, "runs", "fragile", "--status", "succeeded")

    texts = [line["text"] for line in read(deployed, "logs", "fragile")]
    words = [text.split(" ")[0] for text in texts]
    assert words.count("START") == words.count("END") == words.count("REPORT") >= 2
    assert any(f"FileNotFoundError: no {needed}" in text and occurrence in text for text in texts)
    with bound.popen(
        [
            sys.executable,
            "-m",
            "cronstack_infra.cli",
            "logs",
            "fragile",
            "-f",
            "--port",
            deployed.cloud.endpoint.rpartition(":")[2],
        ],
        cwd=deployed.deployer.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        while f"{occurrence}" not in following.stdout.readline():
            assert following.poll() is None
        following.send_signal(signal.SIGINT)
        assert following.wait(60) == 130


def test_a_backfill_of_all_is_a_new_generation_and_is_not_repeated(deployed: Deployed) -> None:
    january = ("--from", "2013-01-01", "--to", "2013-01-04")
    output = cronstack(deployed, "backfill", "fragile", *january, code=1)
    assert "3 occurrences of fragile, from 2013-01-01T05:00:00Z on, are older than 16 days" in output
    assert "cronstack backfill fragile all" in output
    for generation, again in ((2, ()), (2, ()), (3, ("--again",))):
        filled = read(deployed, "backfill", "fragile", "all", *january, *again, "--reason", "flights were wrong")
        assert [row["occurrence"] for row in filled] == [
            f"t-2013-01-0{day}T05:00:00Z~{generation}" for day in (1, 2, 3)
        ]
        assert {row["result"] or row["already"] for row in filled} == {"succeeded"}
    rows = read(deployed, "runs", "fragile", "--since", "2013-01-01", "-n", "100")
    days = [row["result"]["day"] for row in rows if row["occurrence"].startswith("t-2013")]
    assert sorted(days) == [f"2013-01-0{day}" for day in (1, 2, 3) for _ in range(2)]
    actions = read(deployed, "audit", "fragile", "--action", "backfill")
    assert [action["reason"] for action in actions] == ["flights were wrong"] * 2
    assert "unknown" not in {action["by"] for action in actions}


def test_an_interrupted_backfill_continues(deployed: Deployed) -> None:
    """Killed between two occurrences, then continued by the command that it has printed."""
    port = deployed.cloud.endpoint.rpartition(":")[2]
    span = ("backfill", "fragile", "all", "--from", "2013-03-01", "--to", "2013-03-31", "--port", port)
    with bound.popen(
        [sys.executable, "-m", "cronstack_infra.cli", *span],
        cwd=deployed.deployer.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as interrupted:
        assert interrupted.stderr is not None
        line = interrupted.stderr.readline()
        await_a_run(deployed, "t-2013-03-02T05:00:00Z~2")
        interrupted.send_signal(signal.SIGINT)
        assert interrupted.wait(60) == 130
        rest = interrupted.stderr.read()
    command = line.partition(": cronstack ")[2].split()
    assert command[:3] == ["backfill", "fragile", "--resume"]
    assert f"To continue: cronstack {' '.join(command)}" in rest
    filled = read(deployed, *command)
    assert len(filled) == 30
    actions = read(deployed, "audit", "fragile", "--action", "backfill")
    assert {"continues": command[3]} in [action["details"] for action in actions]
    assert {row["result"] or row["already"] for row in filled} == {"succeeded"}
    assert {row["already"] for row in filled} == {None, "succeeded"}, "it was interrupted in the middle"
    rows = read(deployed, "runs", "fragile", "--since", "2013-03-01", "-n", "100")
    march = [(row["occurrence"], row["attempt"]) for row in rows if row["occurrence"].startswith("t-2013-03")]
    assert sorted(march) == [(f"t-2013-03-{day:02}T05:00:00Z~2", 1) for day in range(1, 31)]
    assert all(row["result"] is None for row in read(deployed, *command)), "nothing is left"


def await_a_run(deployed: Deployed, occurrence: str) -> None:
    """Wait until a run has begun. A command of its own would start too slowly."""
    dynamodb, end = deployed.cloud.client("dynamodb"), time.monotonic() + 60
    found = find_deployment(deployed.cloud.client("cloudformation"), "trial")
    while find_run(dynamodb, found, "fragile", occurrence, clock.now()) is None:
        assert time.monotonic() < end, f"{occurrence} has not begun"


def test_bad_backfills_are_one_message(deployed: Deployed) -> None:
    span = ("--from", "2013-01-01", "--to", "2013-01-04")
    for words, code, message in (
        (("some", *span), 2, "'some' is not one of 'missing', 'failed', 'all'"),
        (("failed", "--again", *span), 2, "--again repeats all, so it excludes 'failed'"),
        (("all", "--resume", "01KDWABCDEFGHJKMNPQRSTVWXY"), 2, "it needs only JOB"),
        (("--resume", "01KDWABCDEFGHJKMNPQRSTVWXY"), 1, "the ledger has no backfill 01KDWABCDEFGHJKMNPQRSTVWXY"),
        (("all", *span, "--concurrency", "4"), 1, "fragile has overlap 'skip'"),
        (("all", *span, "--concurrency", "0"), 2, "0 is not in the range 1<=x<=50"),
    ):
        assert message in cronstack(deployed, "backfill", "fragile", *words, code=code)


def test_errors_on_wrong_names_contain_the_right_ones(deployed: Deployed) -> None:
    output = cronstack(deployed, "runs", "fragil", code=1)
    assert "Did you mean fragile? Deployed jobs: fragile, once, patient, planned, stubborn, watchdog." in output
    assert "not a JSON object" in cronstack(deployed, "trigger", "patient", "--input", "[1]", code=2)
    assert "the stack missing is not deployed in the Region us-east-1" in cronstack(
        deployed, "runs", "--stack", "missing", code=1
    )
