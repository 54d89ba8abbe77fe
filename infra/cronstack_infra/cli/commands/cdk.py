"""``cronstack cdk ARGS...``: run the pinned cdk CLI in the project's folder, with our Node and our Python."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from cronstack.errors import OperationError
from cronstack_infra import names
from cronstack_infra.cli.errors import is_aws, message
from cronstack_infra.cli.options.clouds import Cloud
from cronstack_infra.cli.options.local_address import local_address, require_answer
from cronstack_infra.local.environment import DEFAULT_PORT, pointed_at
from cronstack_infra.project import PROJECT_KEY, Project

if TYPE_CHECKING:
    from cronstack_infra.ops.leftovers import Leftovers

REGARDLESS: Final = "--even-if-waiting"
"""Option to destroy a stack regardless of what waits in it. It goes before the words of the cdk CLI."""
_STACK: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
TALKING: Final = frozenset(
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
    short_help="Call the pinned cdk CLI with Cronstack's own Node.",
    # Our options end at the first word that is not one of them. The rest belongs to the cdk CLI.
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--local", is_flag=True, help=f"Talk to the local cloud: AWS_ENDPOINT_URL, else port {DEFAULT_PORT}.")
@click.option("--port", type=click.IntRange(1, 65535), help="Talk to the local cloud at this port.")
@click.option(REGARDLESS, is_flag=True, help="Destroy although dead letters, plans or unfinished runs wait.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(local: bool, port: int | None, even_if_waiting: bool, args: tuple[str, ...]) -> None:
    """Hand ARGS over to the cdk CLI, version pinned, Node included; its exit code is ours.

    It talks to AWS with your usual credentials, or to a local cloud with --local or an AWS_ENDPOINT_URL on this
    machine. Choose another package of jobs with -c jobs=PACKAGE.

    Before "destroy" it looks at the deployed stack. Dead letters, plans or unfinished runs there end it with exit code
    1, because nothing would ever run them.

    \b
    cronstack cdk diff
    cronstack cdk deploy
    cronstack cdk --local deploy -c jobs=examples
    cronstack cdk --even-if-waiting destroy
    """
    from cronstack_infra.toolchain import ensure_cdk

    project = Project.find()
    address = local_address(os.environ, local=local, port=port)
    if address is not None and TALKING.intersection(args):
        require_answer(address, os.environ)
    if "destroy" in args and not even_if_waiting and not {"-h", "--help"}.intersection(args):
        refuse_while_waiting(project, args, address)
    if address is not None:
        args = (*args, "-c", "cronstack:local=true") if args else args
    cdk = ensure_cdk(project.root, lambda line: click.echo(line, err=True))
    cdk.become(args, environment(os.environ, address))


def refuse_while_waiting(project: Project, args: Sequence[str], address: str | None) -> None:
    """Raise OperationError while something waits in a stack that ``args`` destroy, or if that cannot be read."""
    from cronstack_infra.ops.deployment import find_deployment
    from cronstack_infra.ops.leftovers import find_leftovers

    own, words = stacks_of(project, args)
    if profile := _option(args, "--profile"):
        os.environ["AWS_PROFILE"] = profile  # as the cdk CLI will use it
    cloud = Cloud(address, own)
    try:
        outputs = {word: found for word in words if (found := _outputs(cloud, word)) is not None}
        if not outputs:
            outputs = {own: _outputs(cloud, own) or {}}
        for stack in (stack for stack, found in outputs.items() if names.OUTPUT_LEDGER in found):
            left = find_leftovers(cloud, find_deployment(cloud("cloudformation"), stack))
            if left:
                raise _waiting(stack, left)
    except Exception as fault:  # AWS's errors have no common base class: is_aws knows them, all others go on
        if not is_aws(fault):
            raise
        raise OperationError(
            f"the stack {own} is not destroyed, because it cannot be read: {message(fault)}",
            remedy=f"Fix that, or destroy it without looking: cronstack cdk {REGARDLESS} destroy",
        ) from fault


def stacks_of(project: Project, args: Sequence[str]) -> tuple[str, list[str]]:
    """Return the project's own stack, and the words after "destroy" that may name stacks.

    Only the cdk CLI knows which words are values of its options. So a word counts if there is a stack of that name.
    """
    context: dict[str, str] = {}
    for option in _options(args, "-c", "--context"):
        key, equals, value = option.partition("=")
        context |= {key: value} if equals else {}
    package = context.get("jobs") or str(project.context.get("jobs", "jobs"))
    own = names.stack_name(context.get(PROJECT_KEY, project.name), package)
    after = args[list(args).index("destroy") + 1 :]
    return own, [word for word in dict.fromkeys(after) if _STACK.fullmatch(word)]


def _options(args: Sequence[str], *spellings: str) -> Iterator[str]:
    """Yield the values of an option, written "-c VALUE", "--context VALUE" or "--context=VALUE"."""
    for number, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name in spellings and (equals or number + 1 < len(args)):
            yield value if equals else args[number + 1]


def _option(args: Sequence[str], spelling: str) -> str:
    return next(iter(_options(args, spelling)), "")


def _outputs(cloud: Cloud, stack: str) -> dict[str, str] | None:
    """Return the outputs of a deployed stack; None for a name that no stack has."""
    from botocore.exceptions import ClientError

    try:
        return names.stack_outputs(cloud("cloudformation").describe_stacks(StackName=stack)["Stacks"][0])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None


def _waiting(stack: str, left: Leftovers) -> OperationError:
    kept = "The ledger is kept" if left.protected else "The ledger is deleted as well"
    listed = "".join(f"\n    {line}" for line in left.lines())
    return OperationError(
        f"the stack {stack} is not destroyed, because something waits there:{listed}",
        remedy=f"{kept}, but nothing would ever run these. Look: cronstack dead-letters list, cronstack once list."
        f" Redrive, cancel or wait; or destroy it all the same: cronstack cdk {REGARDLESS} destroy",
    )


def environment(environ: Mapping[str, str], address: str | None) -> dict[str, str]:
    """Return the environment of the CLI: pointed at the local cloud if there is an address, else the user's own.

    An AWS_ENDPOINT_URL on another machine is not the local cloud, so the user's own credentials are used there.
    """
    return dict(environ) if address is None else pointed_at(address, environ)
