"""Modules of jobs are imported with the region and the credentials that Lambda always sets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cronstack_infra.discovery.aws_variables import CREDENTIALS, REGION, lambda_variables, missing

NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
BOTH = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}


def configured(folder: Path, *, config: str = "", credentials: str = "") -> dict[str, str]:
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(credentials)
    return {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


def test_an_unconfigured_machine_gets_a_region_and_credentials() -> None:
    assert missing(NO_FILES) == BOTH | CREDENTIALS


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_both_names_of_the_region_have_the_users_value(name: str) -> None:
    other = ({"AWS_REGION", "AWS_DEFAULT_REGION"} - {name}).pop()
    assert missing(NO_FILES | {name: "eu-west-1"}) == {other: "eu-west-1"} | CREDENTIALS


@pytest.mark.parametrize(
    "user",
    [
        {"AWS_ACCESS_KEY_ID": "AKIA"},
        {"AWS_PROFILE": "work"},
        {"AWS_DEFAULT_PROFILE": "work"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2"},
    ],
)
def test_credentials_of_the_user_stay(user: dict[str, str]) -> None:
    assert missing(NO_FILES | user) == BOTH


@pytest.mark.parametrize(
    ("config", "credentials", "user", "expected"),
    [
        ("[default]\nregion = eu-west-1\n", "", {}, {"region": "eu-west-1", "dummies": True}),
        ("[default]\nregion=eu-west-1\nsso_session=x\n", "", {}, {"region": "eu-west-1", "dummies": False}),
        ("", "[default]\naws_access_key_id=AKIA\n", {}, {"region": REGION, "dummies": False}),
        ("[profile work]\nregion=sa-east-1\n", "", {"AWS_PROFILE": "work"}, {"region": "sa-east-1", "dummies": False}),
        ("[default]\nregion=eu-west-1\n", "", {"AWS_PROFILE": "work"}, {"region": REGION, "dummies": False}),
        ("no = section\n", "", {}, {"region": REGION, "dummies": True}),
    ],
)
def test_the_active_profile_is_read(
    tmp_path: Path, config: str, credentials: str, user: dict[str, str], expected: dict[str, object]
) -> None:
    variables = missing(configured(tmp_path, config=config, credentials=credentials) | user)
    assert variables.pop("AWS_REGION") == variables.pop("AWS_DEFAULT_REGION") == expected["region"]
    assert variables == (CREDENTIALS if expected["dummies"] else {})


def test_only_variables_that_the_block_has_set_stay() -> None:
    environ = NO_FILES | {"HOME": "/"}
    with lambda_variables(environ):
        assert environ["AWS_REGION"] == REGION
        environ["AWS_DEFAULT_REGION"] = "eu-west-1"
    assert environ == NO_FILES | {"HOME": "/", "AWS_DEFAULT_REGION": "eu-west-1"}


def test_the_variables_are_restored_after_an_error() -> None:
    environ = NO_FILES | {"AWS_REGION": ""}
    with pytest.raises(ZeroDivisionError), lambda_variables(environ):
        _ = 1 / len(environ["AWS_REGION"].removeprefix(REGION))
    assert environ == NO_FILES | {"AWS_REGION": ""}


SESSION = """
import os
from cronstack_infra.discovery.aws_variables import lambda_variables
with lambda_variables(os.environ):
    import boto3
    client = boto3.client("sqs")
    assert client.meta.region_name == "us-east-1"
try:
    boto3.client("sqs")
except Exception as error:
    print(type(error).__name__)
"""


def test_no_later_client_has_the_region_or_the_credentials(tmp_path: Path) -> None:
    """boto3 stores both in its default session, which must be removed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ended = subprocess.run(
        [sys.executable, "-c", SESSION],
        env=kept | NO_FILES | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ended.stdout == "NoRegionError\n"
