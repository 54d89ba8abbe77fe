"""Carriers of later attempts in a deployed stack: the function creates them, they fire on time and are deleted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cronstack_infra.names import job_of_carrier, role_name
from tests.e2e.conftest import Deployed
from tests.e2e.runs.test_operators import read

FUNCTION = "trial-stubborn"
GROUP = "trial-carriers"


def trigger(deployed: Deployed, effects: Path, **input: Any) -> str:
    """Trigger the job. Return the occurrence's id."""
    payload = json.dumps({"effects": str(effects), **input})
    return str(read(deployed, "trigger", "stubborn", "--input", payload)["occurrence"])


def results(deployed: Deployed, occurrence: str) -> list[dict[str, Any]]:
    """Return the function's results for an occurrence, in order."""
    ends = deployed.watch.all("finished", function=FUNCTION, outcome="ok")
    return [result for result in (json.loads(end["result"]) for end in ends) if result["occurrence"] == occurrence]


def carriers(deployed: Deployed) -> list[str]:
    return [
        schedule["Name"] for schedule in deployed.cloud.client("scheduler").list_schedules(GroupName=GROUP)["Schedules"]
    ]


def test_a_retry_comes_once_and_on_time(deployed: Deployed) -> None:
    effects = deployed.effects / "stubborn.jsonl"
    occurrence = trigger(deployed, effects)
    deployed.watch.until(lambda: len(results(deployed, occurrence)) == 3, 60, "the third attempt")
    outcomes = [(result["cronstack"], result["attempt"]) for result in results(deployed, occurrence)]
    assert outcomes == [("retrying", 1), ("retrying", 2), ("succeeded", 3)]
    assert [json.loads(line)["attempt"] for line in effects.read_text().splitlines()] == [1, 2, 3]
    (row,) = [row for row in read(deployed, "runs", "stubborn") if row["occurrence"] == occurrence]
    assert (row["status"], row["attempt"], row["limit"], row["after"]) == ("succeeded", 3, 4, None)
    assert row["result"] == {"resumed": {"got_to": 2}}
    assert not deployed.watch.all("retry", function=FUNCTION), "Lambda did not retry"
    fired = deployed.watch.all("fired", schedule=lambda arn: GROUP in arn)
    assert [job_of_carrier(firing["schedule"].rpartition("/")[2]) for firing in fired] == ["stubborn"] * 2
    assert carriers(deployed) == [], "each deletes itself"


def test_a_waiting_trigger_prints_each_attempt_on_stderr(deployed: Deployed) -> None:
    payload = json.dumps({"effects": str(deployed.effects / "waited.jsonl")})
    port = deployed.cloud.endpoint.rpartition(":")[2]
    command = ["trigger", "stubborn", "--input", payload, "--wait", "--json", "--port", port]
    done = subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", *command],
        cwd=deployed.deployer.root,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, json.loads(done.stdout)["attempt"]) == (0, 3)
    attempts = [line.partition(" failed: ") for line in done.stderr.splitlines()]
    assert [first for first, _, _ in attempts] == ["attempt 1 of 4", "attempt 2 of 4"]
    assert all("not yet; attempt" in rest for _, _, rest in attempts)


def test_an_undelivered_carrier_is_a_dead_letter_and_can_be_redriven(deployed: Deployed) -> None:
    """Rule: without permission to invoke, a carrier is a dead letter. After the fix, its redrive resumes the run."""
    iam = deployed.cloud.client("iam")
    role = role_name("trial", "stubborn", iam.meta.region_name, "carrier")
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    of_queue = [statement for statement in document["Statement"] if statement["Action"] == "sqs:SendMessage"]
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document | {"Statement": of_queue}))
    occurrence = trigger(deployed, deployed.effects / "undelivered.jsonl")
    deployed.watch.until(lambda: bool(deployed.watch.all("dead_letter", origin="delivery")), 60, "the dead letter")
    (letter,) = read(deployed, "dead-letters", "list", "stubborn")
    assert (letter["origin"], letter["occurrence"]) == ("delivery", occurrence)
    assert letter["reason"] == "AccessDeniedException"
    assert "carrier" not in letter["event"]
    (row,) = [row for row in read(deployed, "runs", "stubborn") if row["occurrence"] == occurrence]
    assert (row["status"], row["attempt"]) == ("retrying", 1)

    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    (driven,) = read(deployed, "dead-letters", "redrive", "stubborn", "--wait")
    assert (driven["accepted"], driven["status"]) == (True, "succeeded")
    assert [result["attempt"] for result in results(deployed, occurrence)] == [1, 2, 3]
    assert read(deployed, "dead-letters", "list", "stubborn") == []
