"""Find a deployed stack: its ledger and queues by its outputs, its jobs by its functions."""

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
    """A deployed stack, with its physical names."""

    stack: str
    ledger: str
    delivery_dead_letters: str
    """URL of the queue for events that Scheduler could not deliver."""
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
    """ARN of the role that its code uses to call AWS."""
    carrier_role: str = ""
    """ARN of the role that Scheduler uses to send its carriers."""


def find_deployment(cloudformation: Any, stack: str) -> Deployment:
    """Read a stack's outputs. Raise OperationError if it is not deployed, or is not a Cronstack stack."""
    from botocore.exceptions import ClientError

    try:
        stacks = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        stacks = []
    if not stacks:
        where = cloudformation.meta
        raise OperationError(
            f"the stack {stack} is not deployed in the Region {where.region_name} of {where.endpoint_url}",
            remedy="If it is in another Region, set AWS_REGION. Otherwise deploy it: cronstack up (local), or cronstack"
            " cdk deploy. --jobs chooses another jobs package.",
        )
    outputs = names.stack_outputs(stacks[0])
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
        status = stacks[0].get("StackStatus", "")
        raise OperationError(
            f"the stack {stack} ({status}) has no output {missing}: it is not a Cronstack stack, or not ready",
            remedy="Deploy it again: cronstack cdk deploy",
        ) from None


def deployed_jobs(functions: Any, deployment: Deployment) -> tuple[DeployedJob, ...]:
    """Return all jobs of a stack, sorted by name. Its functions have the stack's name in their environment."""
    jobs = []
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function.get("Environment", {}).get("Variables", {}).get(STACK) == deployment.stack:
                jobs.append(_job(function, deployment))
    return tuple(sorted(jobs, key=lambda job: job.name))


def find_job(functions: Any, deployment: Deployment, job: str) -> DeployedJob:
    """Return one job. Raise OperationError listing the deployed jobs."""
    from botocore.exceptions import ClientError, ParamValidationError

    try:
        configuration = functions.get_function_configuration(FunctionName=names.function_name(deployment.stack, job))
    except (ClientError, ParamValidationError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else "ValidationException"
        if code not in ("ResourceNotFoundException", "ValidationException"):
            raise
        raise unknown_job(job, [known.name for known in deployed_jobs(functions, deployment)], deployment) from None
    return _job(configuration, deployment)


def unknown_job(job: str, known: list[str], deployment: Deployment) -> OperationError:
    near = difflib.get_close_matches(job, known, n=1)
    return OperationError(
        f"no job {job!r} in the stack {deployment.stack}",
        remedy=(f"Did you mean {near[0]}? " if near else "") + f"Deployed jobs: {', '.join(known) or 'none'}.",
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
