"""Looks at what is deployed: before a destruction, for all that waits; before a deployment, for what it would remove.

The deploy check of each stack looks once more, during the deployment (see ``cronstack.deploy_check``). Here the answer
comes before anything is synthesized or uploaded, and lists more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from cronstack import clock
from cronstack.deploy_check.names import DELETE_UNTIL
from cronstack.errors import DeclarationError, OperationError
from cronstack_infra import names
from cronstack_infra.cli.errors import is_aws, message
from cronstack_infra.cli.options.clouds import Cloud
from cronstack_infra.lock_file import APP_TAG, Lock, read_lock
from cronstack_infra.project import PROJECT_KEY, Project

if TYPE_CHECKING:
    from cronstack_infra.ops.leftovers import Leftovers

REGARDLESS: Final = "--even-if-waiting"
"""Option to destroy or deploy a stack regardless of what waits. It goes before the words of the cdk CLI."""
CONTEXT: Final = "cronstack:even-if-waiting"
PERMITTED: Final = 3600
"""Seconds for which a deploy check accepts a deletion."""
_STACK: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def before_destroy(project: Project, args: Sequence[str], address: str | None, *, regardless: bool) -> None:
    """Raise OperationError while something waits in a stack that ``args`` destroy, or if that cannot be read.

    ``regardless``: look at nothing, and tell the deploy checks of the stacks to accept the deletion.
    """
    from cronstack_infra.ops.deployment import find_deployment
    from cronstack_infra.ops.leftovers import find_leftovers

    own, _, words = stacks_of(project, args)
    cloud = _cloud(args, address, own)
    if regardless:
        for stack in {own, *words}:
            _permit(cloud, stack)
        return
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


def _permit(cloud: Cloud, stack: str) -> None:
    """Have the deploy check of a stack accept its deletion for an hour. A stack without one needs nothing."""
    try:
        found = cloud("cloudformation").describe_stack_resource(
            StackName=stack, LogicalResourceId=names.DEPLOY_CHECK_FUNCTION
        )
        function = found["StackResourceDetail"]["PhysicalResourceId"]
        functions = cloud("lambda")
        present = functions.get_function_configuration(FunctionName=function).get("Environment", {})
        until = str(clock.now_ms() // 1000 + PERMITTED)
        variables = {**present.get("Variables", {}), DELETE_UNTIL: until}
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
        functions.get_waiter("function_updated_v2").wait(FunctionName=function)
    except Exception as fault:  # AWS's errors have no common base class: is_aws knows them, all others go on
        if not is_aws(fault):
            raise
        click.echo(f"Note: the deploy check of {stack} was not told: {message(fault)}", err=True)


def before_deploy(project: Project, args: Sequence[str], address: str | None, *, regardless: bool) -> list[str]:
    """Look at what is deployed, and warn of other stacks of the project. Return further arguments of the cdk CLI.

    Raises OperationError while something waits for jobs that are not declared any more, or not by ``once()``. What
    cannot be read is left to the deploy check of the stack.
    """
    from cronstack_infra.discovery.discover import discover

    own, package, _ = stacks_of(project, args)
    cloud = _cloud(args, address, own, package)
    try:
        lock = read_lock(project.root)
        declared = {one.name: one.job.by_code for one in discover(package, project.functions).jobs}
    except DeclarationError:
        return []  # the app reports it
    try:
        stacks = [
            one
            for page in cloud("cloudformation").get_paginator("describe_stacks").paginate()
            for one in page["Stacks"]
        ]
        for other in others_of(project, lock, stacks):
            click.echo(_second(other, own), err=True)
        found = [one for one in stacks if one["StackName"] == own and names.OUTPUT_LEDGER in names.stack_outputs(one)]
        return _removals(cloud, declared, regardless=regardless) if found else []
    except Exception as fault:  # AWS's errors have no common base class; all others are re-raised
        if not is_aws(fault):
            raise
        click.echo(f"Note: the stack {own} was not looked at before the deployment: {message(fault)}", err=True)
        return []


def others_of(project: Project, lock: Lock | None, stacks: Sequence[Any]) -> list[str]:
    """Return the deployed stacks of this project whose names are not those of its packages."""
    if lock is None:
        return []
    ours = {project.stack(package) for package in lock.packages}
    tagged = {"Key": APP_TAG, "Value": lock.app}
    return [one["StackName"] for one in stacks if tagged in one.get("Tags", ()) and one["StackName"] not in ours]


def _second(other: str, own: str) -> str:
    return (
        f"Warning: the stack {other} belongs to this project, too (tag {APP_TAG}): its jobs fire as well as those"
        f" of {own}.\n  If {own} is its new name, drain {other} and destroy it: see LIFE.md, Move a job."
    )


def _removals(cloud: Cloud, declared: Mapping[str, bool], *, regardless: bool) -> list[str]:
    from cronstack_infra.ops.deployment import deployed_jobs
    from cronstack_infra.ops.leftovers import find_leftovers_of

    deployment = cloud.deployment()
    known = [one.name for one in deployed_jobs(cloud("lambda"), deployment)]
    dropped = {name for name in known if names.once_output(name) in deployment.outputs and not declared.get(name)}
    gone = sorted({name for name in known if name not in declared} | dropped)
    if not gone:
        return []
    if regardless:
        return ["-c", f"{CONTEXT}={','.join(gone)}"]
    left = find_leftovers_of(cloud, deployment, gone, now=clock.now_ms())
    if not left:
        return []
    listed = "".join(f"\n    {one.job}: {line}" for one in left for line in one.lines())
    raise OperationError(
        f"the stack {cloud.stack} is not deployed, because it removes jobs, or their once(), for which something waits:"
        f"{listed}",
        remedy="Declare them until these have run (a renamed job can keep its name: @job(name=...)). Or deploy all the"
        f" same: cronstack cdk {REGARDLESS} deploy. What waits then runs, or ends as a dead letter.",
    )


def _cloud(args: Sequence[str], address: str | None, stack: str, package: str = "jobs") -> Cloud:
    if profile := _option(args, "--profile"):
        os.environ["AWS_PROFILE"] = profile  # as the cdk CLI will use it
    return Cloud(address, stack, package)


def stacks_of(project: Project, args: Sequence[str]) -> tuple[str, str, list[str]]:
    """Return the project's own stack, its package, and the words after "destroy" that may name stacks.

    Only the cdk CLI knows which words are values of its options. So a word counts if there is a stack of that name.
    """
    context: dict[str, str] = {}
    for option in _options(args, "-c", "--context"):
        key, equals, value = option.partition("=")
        context |= {key: value} if equals else {}
    package = context.get("jobs") or str(project.context.get("jobs", "jobs"))
    own = names.stack_name(context.get(PROJECT_KEY, project.name), package)
    after = args[list(args).index("destroy") + 1 :] if "destroy" in args else []
    return own, package, [word for word in dict.fromkeys(after) if _STACK.fullmatch(word)]


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
