"""Set the AWS environment variables that Lambda always sets, for an import on this machine.

A module may create a boto3 client when it is imported. In Lambda that works, because Lambda sets a region and
credentials. On a machine without AWS configuration it raises NoRegionError.

The user's configuration is kept: variables, and the region and credentials of the active profile. Variables that exist
only in Lambda (AWS_LAMBDA_FUNCTION_NAME, LAMBDA_TASK_ROOT …) are not set, because code reads them to detect Lambda.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from configparser import Error, RawConfigParser
from contextlib import contextmanager
from pathlib import Path
from typing import Final

REGION: Final = "us-east-1"
"""Region of an import on a machine without a configured region."""
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIACRONSTACKIMPORT0",
    "AWS_SECRET_ACCESS_KEY": "import",
    "AWS_SESSION_TOKEN": "import",
}
"""Invalid credentials: an import can create clients, but cannot change an account."""

_CHOOSE_CREDENTIALS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_NO_CREDENTIALS: Final = {"region", "output", "cli_pager", "defaults_mode", "retry_mode", "max_attempts"}
"""Settings of a profile that are not about credentials."""


@contextmanager
def lambda_variables(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Add the missing variables to ``environ`` during the block. Restore boto3's default session afterwards.

    Variables that the block sets are kept.
    """
    added = missing(environ)
    before = {name: environ[name] for name in added if name in environ}  # empty values
    session = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    environ.update(added)
    try:
        yield
    finally:
        for name, value in added.items():
            if environ.get(name) == value:
                del environ[name]
        environ.update({name: value for name, value in before.items() if name not in environ})
        if added and (boto3 := sys.modules.get("boto3")) is not None:
            vars(boto3)["DEFAULT_SESSION"] = session  # a session created in the block has these region and credentials


def missing(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Lambda sets and the user has not configured."""
    profile = _profile(environ)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.get("region") or REGION
    found = {name: region for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if not environ.get(name)}
    if not any(environ.get(name) for name in _CHOOSE_CREDENTIALS) and not set(profile) - _NO_CREDENTIALS:
        found |= CREDENTIALS
    return found


def _profile(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the active profile, from the two configuration files of the AWS CLI."""
    name = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    config = _section(environ.get("AWS_CONFIG_FILE") or "~/.aws/config", name, f"profile {name}")
    return config | _section(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials", name)


def _section(path: str, *names: str) -> dict[str, str]:
    parser = RawConfigParser(strict=False)
    try:
        parser.read_string(Path(os.path.expanduser(path)).read_text("utf-8"))
    except (OSError, ValueError, Error):
        return {}  # botocore reports an unreadable file when it needs one
    return {key: value for name in names if parser.has_section(name) for key, value in parser.items(name)}
