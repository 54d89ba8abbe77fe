"""The operators' commands against a deployed stack on a local cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_a_backfill_with_again_is_a_new_generation(deployed: Deployed) -> None:
    january = ("backfill", "fragile", "--from", "2013-01-01", "--to", "2013-01-04")
    output = cronstack(deployed, *january, code=1)
    assert "3 occurrences of fragile, from 2013-01-01T05:00:00Z on, are older than 16 days" in output
    assert "--again" in output
    filled = read(deployed, *january, "--again")
    assert [row["occurrence"] for row in filled] == [f"t-2013-01-0{day}T05:00:00Z~2" for day in (1, 2, 3)]
    assert {row["result"] for row in filled} == {"succeeded"}
    rows = read(deployed, "runs", "fragile", "--since", "2013-01-01", "-n", "100")
    assert [row["result"]["day"] for row in rows if row["occurrence"].startswith("t-2013")] == [
        "2013-01-03",
        "2013-01-02",
        "2013-01-01",
    ]


def test_errors_on_wrong_names_contain_the_right_ones(deployed: Deployed) -> None:
    output = cronstack(deployed, "runs", "fragil", code=1)
    assert "Did you mean fragile? Deployed jobs: fragile, once, patient, planned, stubborn." in output
    assert "not a JSON object" in cronstack(deployed, "trigger", "patient", "--input", "[1]", code=2)
    assert "the stack missing is not deployed in the Region us-east-1" in cronstack(
        deployed, "runs", "--stack", "missing", code=1
    )
