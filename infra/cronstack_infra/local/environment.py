"""Environment variables that direct a child process, the cdk CLI or a user's shell to a local cloud."""

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
"""The default port of ``cronstack up`` and of ``--local``."""

ACCESS_KEY: Final = "AKIACRONSTACKLOCAL00"
"""Unique to Cronstack: the cdk CLI caches the account of each access key, so "test" may have another account there."""

_CREDENTIALS: Final = re.compile(r"AWS_\w*(KEY|TOKEN|PROFILE|ROLE|CREDENTIAL|SSO)\w*|BOTO_CONFIG")
"""Variables of AWS's SDKs that hold credentials or refer to them."""

LONGEST_TIMEOUT: Final = 900.0
"""Lambda's maximum timeout of a function, in seconds."""
TIMEOUT: Final = "CRONSTACK_LOCAL_TIMEOUT"
"""Environment variable of a local cloud: upper limit of every function's timeout, in seconds."""


def timeout(environ: Mapping[str, str]) -> float:
    """Return the limit of an invocation in seconds, from ``TIMEOUT`` or Lambda's maximum. Raises CronstackError."""
    given = environ.get(TIMEOUT, str(LONGEST_TIMEOUT))
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= LONGEST_TIMEOUT:
        raise CronstackError(
            f"{TIMEOUT}={given!r} is not a number of seconds above 0 and up to {LONGEST_TIMEOUT:g}",
            remedy="It limits the timeout of every function in the local cloud. Unset it to use each function's own.",
        )
    return seconds


def endpoint(port: int = DEFAULT_PORT) -> str:
    """Return a local cloud's address. It has an IP address, so that SDKs put S3 bucket names into the path."""
    return f"http://127.0.0.1:{port}"


def region_of(environ: Mapping[str, str]) -> str:
    """Return the region of every call to a local cloud: the user's, or ``REGION``."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or REGION


def client_arguments(endpoint_url: str | None, region: str) -> dict[str, Any]:
    """Return the arguments of a local cloud's client. Without an endpoint, moto answers the client in-process."""
    return {
        "endpoint_url": endpoint_url,
        "region_name": region,
        "aws_access_key_id": ACCESS_KEY,
        "aws_secret_access_key": "local",
    }


def is_local(endpoint_url: str) -> bool:
    """Return whether an address is on this machine. Our own credentials are sent to such addresses only."""
    try:
        host = urlsplit(endpoint_url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def credentials_in(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that hold AWS credentials or refer to them."""
    return [name for name in environ if _CREDENTIALS.fullmatch(name)]


def without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a copy without AWS credentials: other processes can read a process's initial environment."""
    names = set(credentials_in(environ))
    return {name: value for name, value in environ.items() if name not in names}


def pointed_at(endpoint_url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of ``environ`` in which every AWS SDK and CLI calls only ``endpoint_url``."""
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
