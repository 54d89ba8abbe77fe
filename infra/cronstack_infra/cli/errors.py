"""The error messages and exit codes of the command line. A message states what is wrong, where, and the fix.

    2    the input is invalid: a declaration, a schedule, an option
    1    the environment is at fault (a port in use, no network, nothing deployed), or Cronstack itself
    130  interrupted

``CRONSTACK_TRACEBACK=1`` also prints the traceback.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Final

import click

from cronstack.errors import CronstackError, DeclarationError, EventError, OnceError, ScheduleError

ENVIRONMENT: Final = 1
INVALID_INPUT: Final = 2
INTERRUPTED: Final = 130

TRACEBACK: Final = "CRONSTACK_TRACEBACK"


def explain(fault: Exception) -> int:
    """Print the message of an exception on stderr. Return its exit code."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(fault)
    if isinstance(fault, click.ClickException):
        fault.show()
        return fault.exit_code
    click.echo(f"{click.style('Error:', fg='red')} {message(fault)}", err=True)
    wrong = isinstance(fault, DeclarationError | ScheduleError | OnceError | EventError)
    return INVALID_INPUT if wrong else ENVIRONMENT


def message(fault: Exception) -> str:
    """Return the message. For an unexpected exception it contains the file and the line."""
    if isinstance(fault, CronstackError):
        return str(fault)
    if is_aws(fault):
        return _of_aws(fault)
    if isinstance(fault, OSError) and fault.filename:
        return f"{fault.filename}: {fault.strerror}"
    where = traceback.extract_tb(fault.__traceback__)[-1:]
    place = f" ({os.path.basename(where[0].filename)}:{where[0].lineno})" if where else ""
    return (
        f"unexpected {type(fault).__name__}: {fault}{place}\n"
        f"  This is a bug in Cronstack; please report it. {TRACEBACK}=1 prints the traceback."
    )


def is_aws(fault: Exception) -> bool:
    """Return whether botocore raised the exception. Does not import botocore, which most commands never need."""
    botocore = sys.modules.get("botocore.exceptions")
    return botocore is not None and isinstance(fault, botocore.BotoCoreError | botocore.ClientError)


def _of_aws(fault: Exception) -> str:
    name = type(fault).__name__
    if name in ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"):
        return f"{fault}\n  Is the local cloud running (cronstack up)? Is AWS_ENDPOINT_URL correct?"
    if name in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "NoRegionError"):
        return f"{fault}\n  Configure AWS as for the aws CLI (AWS_PROFILE, AWS_REGION), or use --local."
    return str(fault)
