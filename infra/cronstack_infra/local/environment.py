"""How a child process, the cdk CLI or a user's shell is pointed at a local cloud, and how one is set: environment
variables, no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from cronstack.errors import CronstackError

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
DEFAULT_PORT: Final = 4570
"""Where ``cronstack up`` listens unless told otherwise, and where ``--local`` looks."""

ACCESS_KEY: Final = "AKIACRONSTACKLOCAL00"
"""Of our own: the cdk CLI remembers the account of each access key it has seen, so "test" may belong to another."""

_CREDENTIALS: Final = re.compile(r"AWS_\w*(KEY|TOKEN|PROFILE|ROLE|CREDENTIAL|SSO)\w*|BOTO_CONFIG")
"""Variables of AWS's SDKs that hold credentials or lead to them."""

LONGEST_TIMEOUT: Final = 900.0
"""Seconds that Lambda lets an invocation take at most."""
TIMEOUT: Final = "CRONSTACK_LOCAL_TIMEOUT"
"""Environment variable of a local cloud: seconds after which it ends any invocation, if its function declares more."""


def timeout(environ: Mapping[str, str]) -> float:
    """Seconds an invocation may take in a local cloud with this environment. Raises CronstackError."""
    given = environ.get(TIMEOUT, str(LONGEST_TIMEOUT))
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise CronstackError(
            f"{TIMEOUT}={given!r} is no number of seconds above 0 and up to {LONGEST_TIMEOUT:g}",
            remedy="It shortens the time of every function in the local cloud; unset it, and each has its own.",
        )
    return seconds


def endpoint(port: int = DEFAULT_PORT) -> str:
    """Address of a local cloud. An IP address, not "localhost": SDKs then put S3 bucket names into the path."""
    return f"http://127.0.0.1:{port}"


def region_of(environ: Mapping[str, str]) -> str:
    """The region in which everything of this project talks to a local cloud: the user's, else one there is."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION


def client_arguments(endpoint_url: str | None, region: str) -> dict[str, Any]:
    """Return the arguments of a client of a local cloud; without an endpoint, of one that moto answers in-process."""
    return {
        "endpoint_url": endpoint_url,
        "region_name": region,
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": "local",
    }


def is_local(endpoint_url: str) -> bool:
    """Whether an address is on this machine. Only there our own credentials belong."""
    try:
        host = urlsplit(endpoint_url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def credentials_in(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that hold credentials of AWS or lead to them."""
    return [name for name in environ if _CREDENTIALS.fullmatch(name)]


def without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a copy without credentials of AWS: a process's first environment can be read by its neighbours."""
    found = set(credentials_in(environ))
    return {name: value for name, value in environ.items() if name not in found}


def pointed_at(endpoint_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """A copy of ``environ`` in which every AWS SDK and CLI talks to ``endpoint_url`` and to nothing else."""
    region = region_of(environ)
    return without_credentials(environ) | {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
