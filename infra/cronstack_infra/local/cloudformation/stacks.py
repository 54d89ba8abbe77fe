"""Stacks: creation, update and deletion, with protected exports, events for each resource, and rollback."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.cloudformation import models
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.utils import generate_stack_id
from moto.core.exceptions import ServiceException

from cronstack_infra.local.cloudformation.deploy import outputs
from cronstack_infra.local.cloudformation.deploy.deployment import (
    StackDefinition,
    deploy,
    failed_deployment,
    move_to_deleted,
    parameter_store_values,
)
from cronstack_infra.local.cloudformation.deploy.events import report, set_status
from cronstack_infra.local.cloudformation.deploy.failure_policy import EXPRESS, FailurePolicy
from cronstack_infra.local.cloudformation.deploy.provision import ProvisioningError, Resources
from cronstack_infra.local.cloudformation.plan import PlannedChange, plan_changes
from cronstack_infra.local.cloudformation.plan_listing import HIDDEN
from cronstack_infra.local.cloudformation.template import references
from cronstack_infra.local.cloudformation.template.parameters import hidden_names
from cronstack_infra.local.cloudformation.template.template import Template, check, parse
from cronstack_infra.local.cloudformation.template.types import why_not
from cronstack_infra.local.moto.patch import Patch, replaced_by
from cronstack_infra.local.moto.surroundings import PatchParameters

FAILED = ("CREATE_FAILED", "UPDATE_FAILED")
"""Statuses of a stack whose deployment failed and was not rolled back."""
_FINAL = ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED")


def _parsing(parse_yaml: Callable[[str], dict[str, Any]], _: PatchParameters) -> object:
    return staticmethod(lambda template: parse(template, parse_yaml))


def checked_template(text: str) -> Template:
    """Return a parsed template. Raise ValidationError if the local cloud cannot deploy it."""
    template: Template = models.Stack.parse_template(text)
    check(template, why_not)
    references.check(template)
    return template


def unresolved_parameters(stack: Any, template: Template | None = None) -> dict[str, Any]:
    """Return the parameters as specified, or their defaults.

    moto returns the resolved values. With UsePreviousValue, the value of an SSM parameter ("30", the version of cdk's
    bootstrap) then takes the place of its name, and every update fails.
    """
    declared = (template or stack.template_dict).get("Parameters") or {}
    defaults = {name: str(declaration["Default"]) for name, declaration in declared.items() if "Default" in declaration}
    return defaults | dict(stack.parameters or {})


def _shown_parameters(stack: Any) -> list[dict[str, str]]:
    """Return the parameters for DescribeStacks. moto returns resolved values, also those of NoEcho parameters."""
    declared = stack.template_dict.get("Parameters") or {}
    stored, hidden = getattr(stack, "ssm_values", {}), hidden_names(stack.template_dict)
    return [
        {"ParameterKey": name, "ParameterValue": HIDDEN if name in hidden else value}
        | ({"ResolvedValue": stored[name]} if name in stored else {})
        for name, value in unresolved_parameters(stack).items()
        if name in declared
    ]


def plan(stack: Any, target: StackDefinition) -> tuple[list[PlannedChange], bool]:
    """Return the resource changes of a deployment, and whether it changes anything: tags and outputs count, too.

    Raise ValidationError for invalid parameters.
    """
    resources, changes = plan_changes(stack.resource_map, target.template, target.parameters, target.tags)
    if changes or target.tags != stack.tags or failed_deployment(stack) is not None:
        return changes, True
    try:
        output_values = outputs.shown(outputs.evaluate(resources, target.template, stack.stack_id))
    except ServiceException:  # the deployment reports it
        return changes, True
    return changes, output_values != outputs.shown(stack.output_map)


def is_in_progress(stack: Any) -> bool:
    """Return whether a deployment of the stack is in progress: it waits for a custom resource."""
    return str(stack.status).endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS"


def check_updatable(stack: Any, mode: str, *, rollback: bool = False) -> None:
    """Raise ValidationError if a stack cannot be updated in its status."""
    if stack.status in _FINAL or is_in_progress(stack):
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
    failed = failed_deployment(stack)
    if failed is None:
        return
    if failed.mode == EXPRESS != mode:
        raise ValidationError(
            message=f"This stack is in a {stack.status} state from a previous operation that used EXPRESS deployment"
            " mode with disable-rollback. Follow-up operations must use the same DeploymentConfig (mode=EXPRESS)"
            " until the stack reaches a *_COMPLETE state."
        )
    if rollback:
        raise ValidationError(
            message=f"This stack is currently in a non-terminal [{stack.status}] state. To update the stack from this"
            " state, please use the disable-rollback parameter with update-stack API. To rollback to the last known"
            " good state, use the rollback-stack API"
        )


def new_stack(backend: Any, name: str, fields: Mapping[str, Any]) -> Any:
    """Create a stack without resources in the backend, and return it."""
    make: Any = models.Stack
    stack = make(
        stack_id=generate_stack_id(name, backend.region_name, backend.account_id),
        name=name,
        template={},
        parameters={},
        account_id=backend.account_id,
        region_name=backend.region_name,
        cross_stack_resources=backend.exports,
        **fields,
    )
    backend.stacks[stack.stack_id] = stack
    return stack


def find_stack(backend: Any, name: str | None) -> Any:
    """Return the stack of a name or ARN that is not deleted, or None."""
    return next((stack for stack in backend.stacks.values() if name in (stack.name, stack.stack_id)), None)


def _create_stack(
    self: Any,
    name: str,
    template: str,
    parameters: dict[str, Any] | None = None,
    failure_policy: FailurePolicy = FailurePolicy(),  # noqa: B008  (frozen)
    **fields: Any,
) -> Any:
    target = StackDefinition(
        template, checked_template(template), dict(parameters or {}), {}, dict(fields.get("tags") or {})
    )
    parameter_store_values(target.template, target.parameters, self.account_id, self.region_name)
    if find_stack(self, name) is not None:
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    stack = new_stack(self, name, fields)
    deploy(stack, "CREATE", target, failure_policy)
    return stack


def update(
    stack: Any, text: str, parameters: dict[str, str], tags: dict[str, str], failure_policy: FailurePolicy
) -> None:
    """Update a stack. Raise ValidationError if its status forbids it, or if nothing would change."""
    check_updatable(stack, failure_policy.mode, rollback=failure_policy.rollback)
    target = StackDefinition(text, checked_template(text), parameters, {}, tags)
    parameter_store_values(target.template, parameters, stack.account_id, stack.region_name)
    if not plan(stack, target)[1]:
        raise ValidationError(message="No updates are to be performed.")
    deploy(stack, "UPDATE", target, failure_policy)


def _delete_stack(self: Any, name_or_stack_id: str) -> None:
    for stack in list(self.stacks.values()):
        if name_or_stack_id in (stack.stack_id, stack.name):
            _delete(stack)


def _delete(stack: Any) -> None:
    if stack.enable_termination_protection:
        raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    if is_in_progress(stack):
        raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
    stack.resource_map.report = lambda *step: report(stack, *step)
    set_status(stack, "DELETE_IN_PROGRESS", "User Initiated")
    try:
        outputs.keep_used_exports(stack, {})
        stack.resource_map.delete()
    except (ProvisioningError, ValidationError) as fault:
        set_status(stack, "DELETE_FAILED", str(getattr(fault, "message", fault)))
        return
    set_status(stack, "DELETE_COMPLETE")
    move_to_deleted(stack)


_STACK: Final = "moto.cloudformation.models:Stack"
_BACKEND: Final = "moto.cloudformation.models:CloudFormationBackend"

PATCHES: Final = (
    Patch(
        "moto.cloudformation.models",
        "ResourceMap",
        "class (stack_id, stack_name, parameters, tags, region_name, account_id, template, cross_stack_resources)",
        "ResourceMap creates a resource when it is looked up, knows few types, loses properties and cannot roll back.",
        (
            "a_removed_resource_is_not_created_when_it_comes_back",
            "describing_a_deleted_stack_creates_its_resources",
            "types_are_missing",
            "a_table_loses_recovery_and_time_to_live",
            "a_queue_keeps_its_delay_over_an_update",
            "a_default_list_is_one_text",
        ),
        replaced_by(Resources),
    ),
    Patch(
        _STACK,
        "parse_template",
        "static (template)",
        "A template of JSON is parsed as YAML in Python, which takes seconds for a large one.",
        "a_template_of_json_is_parsed_as_yaml",
        _parsing,
    ),
    Patch(
        _STACK,
        "stack_parameters",
        "property",
        "UsePreviousValue inserts the resolved value of an SSM parameter in place of its name.",
        "the_previous_value_is_the_resolved_one",
        replaced_by(property(unresolved_parameters)),
    ),
    Patch(
        _STACK,
        "parameter_list",
        "property",
        "A parameter of an SSM type is shown with its resolved value.",
        "a_parameter_is_shown_by_its_resolved_value",
        replaced_by(property(_shown_parameters)),
    ),
    Patch(
        _BACKEND,
        "create_stack",
        "(self, name, template, parameters, notification_arns=None, tags=None, role_arn=None,"
        " enable_termination_protection=False, timeout_in_mins=None, stack_policy_body=None)",
        "A failing create is not rolled back, and unknown types are accepted.",
        ("a_failing_create_is_not_rolled_back", "an_unknown_type_deploys"),
        replaced_by(_create_stack),
    ),
    Patch(
        _BACKEND,
        "delete_stack",
        "(self, name_or_stack_id)",
        "A stack whose export is in use is deleted.",
        "a_stack_with_a_used_export_is_deleted",
        replaced_by(_delete_stack),
    ),
)
