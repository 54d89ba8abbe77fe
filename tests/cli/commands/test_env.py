"""``eval "$(cronstack env)"`` in a real shell: the variables it sets and unsets."""

from __future__ import annotations

import os
import subprocess
import sys

from cronstack_infra.local.client import LocalCloud

REAL = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "secret", "AWS_REGION": "eu-central-1"}
SHOW = "env | grep ^AWS_ | sort"


def shell(program: str, **environ: str) -> tuple[dict[str, str], str]:
    """Return the AWS variables of a shell after ``program``, and its stderr."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    cronstack = f'{sys.executable} -m cronstack_infra.cli env "$@"'
    done = subprocess.run(
        ["sh", "-c", f"cronstack_env() {{ {cronstack}; }}; {program}; {SHOW}"],
        env=kept | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    return {name: value for name, _, value in lines}, done.stderr


def test_a_shell_is_pointed_at_the_local_cloud_only() -> None:
    found, stderr = shell('eval "$(cronstack_env --port 4999)"', **REAL)
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
    assert "No local cloud answers on port 4999 yet" in stderr


def test_unset_removes_the_variables() -> None:
    assert shell('eval "$(cronstack_env --port 4999 2>/dev/null)"; eval "$(cronstack_env --unset)"') == ({}, "")


def test_boto3_then_uses_the_running_cloud() -> None:
    program = "import boto3; print(boto3.client('sqs').create_queue(QueueName='mine')['QueueUrl'])"
    with LocalCloud.start() as cloud:
        port = cloud.endpoint.rpartition(":")[2]
        found, stderr = shell(f'eval "$(cronstack_env --port {port})"; {sys.executable} -c "{program}"')
    assert stderr == ""
    assert f"{cloud.endpoint}/123456789012/mine" in found
