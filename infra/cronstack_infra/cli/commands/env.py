"""``eval "$(cronstack env)"``: point the user's shell at the local cloud only.

The command prints ``export`` and ``unset`` lines. It unsets the profile and the session of the real account, because
a local key with a real session token is valid in no cloud.
"""

from __future__ import annotations

import json
import os
import shlex
from http.client import HTTPConnection, HTTPException

import click

from cronstack_infra.local.environment import DEFAULT_PORT, credentials_in, endpoint, pointed_at


@click.command(short_help="Print the variables that point a shell at the local cloud.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True, help="Port of the local cloud."
)
@click.option("--unset", is_flag=True, help="Print the commands that undo it.")
def command(port: int, unset: bool) -> None:
    """Print shell commands that make boto3, the aws CLI and any AWS SDK use the local cloud.

    For sh, bash and zsh. They unset AWS_PROFILE and the session of the shell. --unset does not restore these; open a
    new shell instead.

    \b
    eval "$(cronstack env)"
    aws scheduler list-schedules
    eval "$(cronstack env --unset)"
    """
    ours = pointed_at(endpoint(port), {name: os.environ[name] for name in _REGIONS if name in os.environ})
    if unset:
        click.echo(f"unset {' '.join(ours)}")
        return
    removed = [name for name in credentials_in(os.environ) if name not in ours]
    if removed:
        click.echo(f"unset {' '.join(removed)}")
    for name, value in ours.items():
        click.echo(f"export {name}={shlex.quote(value)}")
    if not _answers(port):
        click.echo(f"No local cloud answers on port {port} yet; cronstack up starts one.", err=True)


_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/_cronstack/")
        return "cronstack" in json.loads(connection.getresponse().read(10_000))
    except (OSError, HTTPException, ValueError, TypeError):
        return False
    finally:
        connection.close()
