"""``cronstack cdk ARGS...``: the pinned cdk CLI, with our Node and our Python, in the project's folder."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

from cronstack_infra.local.environment import DEFAULT_PORT, endpoint, is_local, pointed_at
from cronstack_infra.project import Project


@click.command(
    short_help="Call the pinned cdk CLI with Cronstack's own Node.",
    # The first word that is not ours ends our options: everything from there on is the cdk CLI's.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--local", is_flag=True, help=f"Talk to the local cloud at port {DEFAULT_PORT}.")
@click.option("--port", type=click.IntRange(1, 65535), help="Talk to the local cloud at this port.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(local: bool, port: int | None, args: tuple[str, ...]) -> None:
    """Hand ARGS over to the cdk CLI, version pinned, Node included; its exit code is ours.

    It talks to AWS with your usual credentials, or to a local cloud with --local or an AWS_ENDPOINT_URL on this
    machine. Choose another package of jobs with -c jobs=PACKAGE.

    \b
    cronstack cdk diff
    cronstack cdk deploy
    cronstack cdk --local deploy -c jobs=examples
    """
    from cronstack_infra.toolchain import ensure_cdk

    project = Project.find()
    environ = environment(os.environ, local=local, port=port)
    if is_local(environ.get("AWS_ENDPOINT_URL", "")):
        args = (*args, "-c", "cronstack:local=true") if args else args
    cdk = ensure_cdk(project.root, lambda line: click.echo(line, err=True))
    cdk.become(args, environ)


def environment(environ: Mapping[str, str], *, local: bool = False, port: int | None = None) -> dict[str, str]:
    """What the CLI is given: pointed at the local cloud when that is meant, else the user's own as it is.

    An AWS_ENDPOINT_URL that is not on this machine is somebody's service: it is given the user's own credentials.
    """
    address = endpoint(port or DEFAULT_PORT) if local or port else environ.get("AWS_ENDPOINT_URL", "")
    return pointed_at(address, environ) if is_local(address) else dict(environ)
