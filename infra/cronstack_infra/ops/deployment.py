"""What is deployed: a stack's ledger and queues from its outputs, its jobs from its functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cronstack.errors import OperationError
from cronstack.settings import CARRIER_ROLE, STACK
from cronstack_infra import names

Clients = Callable[[str], Any]
"""Factory for boto3 clients, by service name. The endpoint decides which cloud they use."""


@dataclass(frozen=True)
class Deployment:
    """A deployed stack, by the names that AWS gave."""

    stack: str
    ledger: str
    delivery_dead_letters: str
    """URL of the queue for what Scheduler could not deliver."""
    handler_dead_letters: str
    """URL of the queue for runs that failed or were missed, and for events that the guard refused."""
    group: str
    outputs: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """All outputs of the stack."""


@dataclass(frozen=True)
class DeployedJob:
    """A job's function as it is deployed."""

    name: str
    function: str
    timeout: int
    role: str = ""
    """ARN of the role with which its code calls AWS."""
    carrier_role: str = ""
    """ARN of the role with which Scheduler sends its carriers."""


def find_deployment(cloudformation: Any, stack: str) -> Deployment:
    """Read a stack's outputs. Raises OperationError when it is not deployed, or is no stack of Cronstack's."""
    from botocore.exceptions import ClientError

    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        found = []
    if not found:
        where = cloudformation.meta
        raise OperationError(
            f"the stack {stack} is not deployed in the Region {where.region_name} of {where.endpoint_url}",
            remedy="If it is in another Region, set AWS_REGION. Else deploy it: cronstack up (local), or cronstack cdk"
            " deploy. --jobs chooses another jobs package.",
        )
    outputs = names.stack_outputs(found[0])
    try:
        return Deployment(
            stack,
            outputs[names.OUTPUT_LEDGER],
            outputs[names.OUTPUT_DELIVERY_DEAD_LETTERS],
            outputs[names.OUTPUT_HANDLER_DEAD_LETTERS],
            outputs[names.OUTPUT_GROUP],
            outputs,
        )
    except KeyError as missing:
        status = found[0].get("StackStatus", "")
        raise OperationError(
            f"the stack {stack} ({status}) has no output {missing}: it is no stack of Cronstack's, or not ready",
            remedy="Deploy it again: cronstack cdk deploy",
        ) from None


def deployed_jobs(functions: Any, deployment: Deployment) -> tuple[DeployedJob, ...]:
    """All jobs of a stack, by name: its functions are those that carry its name in their environment."""
    found = []
    for page in functions.get_paginator("list_functions").paginate():
        for one in page["Functions"]:
            if one.get("Environment", {}).get("Variables", {}).get(STACK) == deployment.stack:
                found.append(_job(one, deployment))
    return tuple(sorted(found, key=lambda job: job.name))


def find_job(functions: Any, deployment: Deployment, job: str) -> DeployedJob:
    """One job. Raises OperationError that knows the names there are."""
    from botocore.exceptions import ClientError, ParamValidationError

    try:
        found = functions.get_function_configuration(FunctionName=names.function_name(deployment.stack, job))
    except (ClientError, ParamValidationError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else "ValidationException"
        if code not in ("ResourceNotFoundException", "ValidationException"):
            raise
        raise unknown_job(job, [one.name for one in deployed_jobs(functions, deployment)], deployment) from None
    return _job(found, deployment)


def unknown_job(job: str, known: list[str], deployment: Deployment) -> OperationError:
    near = difflib.get_close_matches(job, known, n=1)
    return OperationError(
        f"no job {job!r} in the stack {deployment.stack}",
        remedy=(f"Did you mean {near[0]}? " if near else "") + f"Jobs there: {', '.join(known) or 'none'}.",
    )


def _job(configuration: Any, deployment: Deployment) -> DeployedJob:
    function = configuration["FunctionName"]
    variables = configuration.get("Environment", {}).get("Variables", {})
    return DeployedJob(
        function.removeprefix(f"{deployment.stack}-"),
        function,
        configuration["Timeout"],
        role=configuration.get("Role", ""),
        carrier_role=variables.get(CARRIER_ROLE, ""),
    )
