"""``eval "$(cronstack env)"`` in a real shell: what it points where, and what it takes back."""

from __future__ import annotations

import os
import subprocess
import sys

from cronstack_infra.local.client import LocalCloud

REAL = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "secret", "AWS_REGION": "eu-central-1"}
SHOWS = "env | grep ^AWS_ | sort"


def shell(program: str, **environ: str) -> tuple[dict[str, str], str]:
    """The AWS variables that a shell has after ``program``, and what was said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    cronstack = f'{sys.executable} -m cronstack_infra.cli env "$@"'
    done = subprocess.run(
        ["sh", "-c", f"ours() {{ {cronstack}; }}; {program}; {SHOWS}"],
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    return {name: value for name, _, value in lines}, done.stderr


def test_a_shell_is_pointed_at_the_local_cloud_and_at_nothing_else() -> None:
    found, said = shell('eval "$(ours --port 4999)"', **REAL)
    assert found == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4999",
        "AWS_ACCESS_KEY_ID": "AKIACRONSTACKLOCAL00",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    assert "No local cloud answers on port 4999 yet" in said


def test_it_is_taken_back() -> None:
    assert shell('eval "$(ours --port 4999 2>/dev/null)"; eval "$(ours --unset)"') == ({}, "")


def test_a_plain_boto3_then_reaches_the_running_cloud() -> None:
    program = "import boto3; print(boto3.client('sqs').create_queue(QueueName='mine')['QueueUrl'])"
    with LocalCloud.start() as cloud:
        port = cloud.endpoint.rpartition(":")[2]
        found, said = shell(f'eval "$(ours --port {port})"; {sys.executable} -c "{program}"')
    assert said == ""
    assert f"{cloud.endpoint}/123456789012/mine" in found
