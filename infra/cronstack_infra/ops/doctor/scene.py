"""What all checks of one examination share: the stack, its requests, the time, and the machine that looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cronstack.deployed.job_metadata import METADATA, JobMetadata, jobs_of_template
from cronstack.errors import OperationError
from cronstack_infra.ops.dead_letters.reading import LONG_POLL
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.doctor.requests import NotRead, Requests
from cronstack_infra.ops.doctor.stack import DeployedStack


@dataclass(frozen=True)
class Scene:
    """The stack that is examined, and how."""

    requests: Requests
    deployment: Deployment
    stack: DeployedStack
    jobs: Mapping[str, JobMetadata]
    """The declarations of the deployed jobs, by name."""
    now: Callable[[], int]
    """Returns epoch milliseconds."""
    known: tuple[str, ...] = ()
    """All jobs that the project has ever declared."""
    version: str = ""
    """Version of the Cronstack that looks."""
    poll: int = LONG_POLL
    """Seconds that a read of an empty queue waits."""

    @property
    def about(self) -> Mapping[str, Any]:
        """What the synthesis wrote about itself; empty for a stack of an older Cronstack."""
        return about(self.stack.template)


def about(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the synthesis of a template wrote about itself."""
    metadata = template.get("Metadata", {}).get(METADATA)
    return metadata if isinstance(metadata, Mapping) else {}


def read_scene(
    clients: Clients,
    deployment: Deployment,
    now: Callable[[], int],
    *,
    known: tuple[str, ...] = (),
    version: str = "",
    poll: int = LONG_POLL,
) -> Scene:
    """Read the template and the names of the resources. Raise OperationError if the caller may not read them."""
    requests = Requests(clients)
    name = {"StackName": deployment.stack}
    try:
        described = (requests.ask("cloudformation", "describe_stacks", **name) or {})["Stacks"][0]
        body = (requests.ask("cloudformation", "get_template", **name) or {})["TemplateBody"]
        resources = requests.pages("cloudformation", "list_stack_resources", "StackResourceSummaries", **name)
        ids = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources
            if resource.get("PhysicalResourceId")
        }
    except NotRead as fault:
        raise OperationError(
            f"doctor cannot read the stack {deployment.stack}: {fault.action} is not allowed",
            remedy=f"Allow {fault.action} on the stack. All checks compare with its template.",
        ) from None
    template = _template(body, deployment.stack)
    parameters = {
        given["ParameterKey"]: given.get("ResolvedValue", given.get("ParameterValue", ""))
        for given in described.get("Parameters", ())
    }
    stack = DeployedStack(deployment.stack, described["StackId"], described["StackStatus"], template, ids, parameters)
    return Scene(requests, deployment, stack, jobs_of_template(template), now, known, version, poll)


def _template(body: Any, stack: str) -> Mapping[str, Any]:
    """Return a template. botocore has parsed one in JSON; another one is a string."""
    if isinstance(body, Mapping):
        return body
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise OperationError(
            f"the template of the stack {stack} is not JSON", remedy="Deploy it again: cronstack cdk deploy"
        )
    return parsed
