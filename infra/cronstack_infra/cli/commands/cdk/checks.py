"""Checks of the deployed stack: before ``destroy`` for everything that waits, before ``deploy`` for removed jobs.

The deploy check of each stack checks again during the deployment (see ``cronstack.deploy_check``). The checks here come
before anything is synthesized or uploaded, and list more.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from cronstack import clock
from cronstack.deploy_check.names import ALL, DELETE_UNTIL
from cronstack.errors import DeclarationError, OperationError
from cronstack_infra import names
from cronstack_infra.cli.errors import is_aws, message
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.cli.options.reasons import announce_action
from cronstack_infra.lock_file import APP_TAG, Lock, read_lock
from cronstack_infra.ops.audit import THE_STACK
from cronstack_infra.project import PROJECT_KEY, Project

if TYPE_CHECKING:
    from cronstack_infra.ops.leftovers import Leftovers

EVEN_IF_WAITING: Final = "--even-if-waiting"
"""Option to destroy or deploy a stack without these checks. It goes before the arguments of the cdk CLI."""
CONTEXT: Final = "cronstack:even-if-waiting"
PERMITTED: Final = 3600
"""Seconds for which a deploy check accepts a deletion."""
_STACK: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def before_destroy(
    project: Project, args: Sequence[str], address: str | None, *, regardless: bool, reason: str = ""
) -> None:
    """Raise OperationError if something waits in a stack that ``args`` destroy, or if the stack cannot be read.

    ``regardless``: check nothing, and make the deploy checks of the stacks accept the deletion, after its record with
    ``reason``.
    """
    from cronstack_infra.ops.deployment import find_deployment
    from cronstack_infra.ops.leftovers import find_leftovers

    own, _, words = stacks_of(project, args)
    cloud = _cloud(args, address, own)
    if regardless:
        for stack in [word for word in words if _exists(cloud, word)] or [own]:
            _announce(replace(cloud, stack=stack), "cdk destroy", reason)
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
    except Exception as fault:  # errors of AWS have no common base class: all others are re-raised
        if not is_aws(fault):
            raise
        raise OperationError(
            f"the stack {own} was not destroyed, because it cannot be read: {message(fault)}",
            remedy=f"Fix that, or destroy it without a check: cronstack cdk {EVEN_IF_WAITING} destroy",
        ) from fault


def _exists(cloud: SelectedCloud, stack: str) -> bool:
    """Return whether a stack has that name. Return True if CloudFormation cannot be asked: ``_permit`` reports that."""
    try:
        return _outputs(cloud, stack) is not None
    except Exception as fault:  # errors of AWS have no common base class: all others are re-raised
        if not is_aws(fault):
            raise
        return True


def _permit(cloud: SelectedCloud, stack: str) -> None:
    """Make the deploy check of a stack accept its deletion for an hour. Do nothing if the stack has no deploy check."""
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
    except Exception as fault:  # errors of AWS have no common base class: all others are re-raised
        if not is_aws(fault):
            raise
        click.echo(f"Note: the deploy check of {stack} was not updated: {message(fault)}", err=True)


def before_deploy(
    project: Project, args: Sequence[str], address: str | None, *, regardless: bool, reason: str = ""
) -> list[str]:
    """Check the deployed stack, and warn of other stacks of the project. Return further arguments for the cdk CLI.

    Raise OperationError if something waits for jobs that are no longer declared, or no longer with ``once()``. What
    cannot be read here is left to the deploy check of the stack.
    """
    from cronstack_infra.discovery.discover import discover

    own, package, _ = stacks_of(project, args)
    cloud = _cloud(args, address, own, package)
    try:
        lock = read_lock(project.root)
        declared = {found.name: found.job.by_code for found in discover(package, project.functions).jobs}
    except DeclarationError:
        return []  # the CDK app reports it
    try:
        stacks = [
            stack
            for page in cloud("cloudformation").get_paginator("describe_stacks").paginate()
            for stack in page["Stacks"]
        ]
        for other in other_stacks(project, lock, stacks):
            click.echo(_other_stack_warning(other, own), err=True)
        deployed = any(
            stack["StackName"] == own and names.OUTPUT_LEDGER in names.stack_outputs(stack) for stack in stacks
        )
        return _removals(cloud, declared, _permitted(args), regardless=regardless, reason=reason) if deployed else []
    except Exception as fault:  # AWS's errors have no common base class; all others are re-raised
        if not is_aws(fault):
            raise
        click.echo(f"Note: the stack {own} was not checked before the deployment: {message(fault)}", err=True)
        return []


def other_stacks(project: Project, lock: Lock | None, stacks: Sequence[Any]) -> list[str]:
    """Return the names of the project's deployed stacks that belong to none of its packages."""
    if lock is None:
        return []
    ours = {project.stack(package) for package in lock.packages}
    tag = {"Key": APP_TAG, "Value": lock.app}
    tagged = [stack["StackName"] for stack in stacks if tag in stack.get("Tags", ())]
    return [name for name in tagged if name not in ours]


def _other_stack_warning(other: str, own: str) -> str:
    return (
        f"Warning: the stack {other} also belongs to this project (tag {APP_TAG}): its jobs fire in addition to"
        f" those of {own}.\n  If {own} is its new name, drain {other} and destroy it: see LIFE.md, Move a job."
    )


def _permitted(args: Sequence[str]) -> set[str]:
    """Return the jobs that the context of the command line permits to remove, although something waits for them."""
    options = [option.partition("=") for option in _options(args, "-c", "--context")]
    return {name.strip() for key, _, value in options if key == CONTEXT for name in value.split(",")} - {""}


def _removals(
    cloud: SelectedCloud, declared: Mapping[str, bool], permitted: set[str], *, regardless: bool, reason: str
) -> list[str]:
    from cronstack_infra.ops.deployment import deployed_jobs
    from cronstack_infra.ops.leftovers import find_leftovers_of

    deployment = cloud.deployment()
    # The watchdog is a job of the stack, but not of the project: leaving it out removes no work of the user.
    known = [job.name for job in deployed_jobs(cloud("lambda"), deployment) if job.name != names.WATCHDOG]
    dropped = {name for name in known if names.once_output(name) in deployment.outputs and not declared.get(name)}
    gone = sorted({name for name in known if name not in declared} | dropped)
    if not gone:
        return []
    if regardless:
        _announce(cloud, "cdk deploy", reason, removed=gone)
        return ["-c", f"{CONTEXT}={','.join(gone)}"]
    checked = [] if ALL in permitted else [job for job in gone if job not in permitted]
    left = find_leftovers_of(cloud, deployment, checked, now=clock.now_ms()) if checked else ()
    if not left:
        return []
    listed = "".join(f"\n    {job.job}: {line}" for job in left for line in job.lines())
    raise OperationError(
        f"the stack {cloud.stack} was not deployed, because it removes jobs, or their once(), for which something"
        f" waits:{listed}",
        remedy="Declare them until these have run (a renamed job can keep its name: @job(name=...)). Or deploy without"
        f" this check: cronstack cdk {EVEN_IF_WAITING} deploy. What waits then runs, or ends as a dead letter.",
    )


def _announce(cloud: SelectedCloud, action: str, reason: str, **details: Any) -> None:
    """Record that jobs are removed although work of theirs may wait. A stack without a ledger has no place for it."""
    try:
        deployment = cloud.deployment()
        cloud("dynamodb").describe_table(TableName=deployment.ledger)
    except Exception as fault:
        if isinstance(fault, OperationError) or type(fault).__name__ == "ResourceNotFoundException":
            return
        raise
    announce_action(cloud, deployment, THE_STACK, action, reason, even_if_waiting=True, **details)


def _cloud(args: Sequence[str], address: str | None, stack: str, package: str = "jobs") -> SelectedCloud:
    if profile := _option(args, "--profile"):
        os.environ["AWS_PROFILE"] = profile  # the cdk CLI will use the same profile
    return SelectedCloud(address, stack, package)


def stacks_of(project: Project, args: Sequence[str]) -> tuple[str, str, list[str]]:
    """Return the project's own stack, its package, and the words after "destroy" that may be names of stacks.

    Only the cdk CLI can separate these words from values of its options. So the caller checks which stacks exist.
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


def _outputs(cloud: SelectedCloud, stack: str) -> dict[str, str] | None:
    """Return the outputs of a deployed stack. Return None if no stack has that name."""
    from botocore.exceptions import ClientError

    try:
        return names.stack_outputs(cloud("cloudformation").describe_stacks(StackName=stack)["Stacks"][0])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None


def _waiting(stack: str, left: Leftovers) -> OperationError:
    kept = "The ledger is kept" if left.protected else "The ledger is deleted, too"
    listed = "".join(f"\n    {line}" for line in left.lines())
    return OperationError(
        f"the stack {stack} was not destroyed, because something waits there:{listed}",
        remedy=f"{kept}, and nothing would ever run these. See: cronstack dead-letters list, cronstack once list."
        f" Redrive, cancel or wait. Or destroy it without this check: cronstack cdk {EVEN_IF_WAITING} destroy",
    )
