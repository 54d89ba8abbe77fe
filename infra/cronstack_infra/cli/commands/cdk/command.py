"""``cronstack cdk ARGS...``: run the pinned cdk CLI in the project's folder, with our Node and our Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import click

from cronstack_infra.cli.commands.cdk.checks import EVEN_IF_WAITING, before_deploy, before_destroy
from cronstack_infra.cli.options.local_address import local_address, require_answer
from cronstack_infra.local.environment import DEFAULT_PORT, pointed_at
from cronstack_infra.project import Project

CALLS_AWS: Final = frozenset(
    {
        "bootstrap",
        "deploy",
        "destroy",
        "diff",
        "drift",
        "gc",
        "import",
        "migrate",
        "publish-assets",
        "refactor",
        "rollback",
        "watch",
    }
)
"""Commands of the cdk CLI that call AWS. The others work without a cloud."""


@click.command(
    short_help="Run the pinned cdk CLI with Cronstack's own Node.",
    # Options of Cronstack end at the first word that is not one of them. All further words go to the cdk CLI.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--local", is_flag=True, help=f"Use the local cloud: AWS_ENDPOINT_URL, else port {DEFAULT_PORT}.")
@click.option("--port", type=click.IntRange(1, 65535), help="Use the local cloud at this port.")
@click.option(
    EVEN_IF_WAITING,
    is_flag=True,
    help="Destroy or deploy without checking for dead letters, plans and unfinished runs.",
)
@click.option("--reason", metavar="TEXT", default="", help=f"Why, for the record of {EVEN_IF_WAITING}.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(local: bool, port: int | None, even_if_waiting: bool, reason: str, args: tuple[str, ...]) -> None:
    """Run the cdk CLI with ARGS and return its exit code. Its version is pinned, and Node is included.

    It uses AWS with your usual credentials, or a local cloud with --local or an AWS_ENDPOINT_URL on this machine.
    Choose another package of jobs with -c jobs=PACKAGE.

    Before "destroy", Cronstack checks the deployed stack. It stops with exit code 1 if there are dead letters, plans or
    unfinished runs, because nothing would ever run them. Before "deploy", it checks for plans and unfinished runs of
    jobs that are no longer declared, and warns of other stacks of the same project.

    \b
    cronstack cdk diff
    cronstack cdk deploy
    cronstack cdk --local deploy -c jobs=examples
    cronstack cdk --even-if-waiting destroy
    cronstack cdk --even-if-waiting deploy
    """
    from cronstack_infra.toolchain import ensure_cdk

    project = Project.find()
    address = local_address(os.environ, local=local, port=port)
    if address is not None and CALLS_AWS.intersection(args):
        require_answer(address, os.environ)
    helps = {"-h", "--help"}.intersection(args)
    if "destroy" in args and not helps:
        before_destroy(project, args, address, regardless=even_if_waiting, reason=reason)
    elif "deploy" in args and not helps:
        more = before_deploy(project, args, address, regardless=even_if_waiting, reason=reason)
        args = (*args, *more)
    if address is not None:
        args = (*args, "-c", "cronstack:local=true") if args else args
    cdk = ensure_cdk(project.root, lambda line: click.echo(line, err=True))
    cdk.become(args, environment(os.environ, address))


def environment(environ: Mapping[str, str], address: str | None) -> dict[str, str]:
    """Return the environment of the CLI: for the local cloud if there is an address, else the user's own.

    An AWS_ENDPOINT_URL on another machine is not the local cloud, so the user's own credentials are used there.
    """
    return dict(environ) if address is None else pointed_at(address, environ)
