"""Handlers of the requests that create, update and roll back stacks."""

from __future__ import annotations

from typing import Any, Final

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.core.responses import ActionResult, EmptyResult

from cronstack_infra.local.cloudformation import capabilities, stacks
from cronstack_infra.local.cloudformation.deploy.deployment import FailedDeployment, failed_deployment, roll_back
from cronstack_infra.local.cloudformation.deploy.failure_policy import EXPRESS, FailurePolicy, failure_policy
from cronstack_infra.local.cloudformation.stacks import FAILED, find_stack, unresolved_parameters
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import ABSENT, Patch, replaced_by


def stack_of(response: Any) -> Any:
    """Return the stack that a request names. Raise ValidationError if it does not exist."""
    name = privates.parameter(response, "StackName")
    stack = find_stack(response.cloudformation_backend, name)
    if stack is None:
        raise ValidationError(name)
    return stack


def template_of(response: Any, stack: Any) -> str:
    """Return the text of a request's template; the previous one is that of ``stack``.

    Raise ValidationError if the request has no valid template, InsufficientCapabilities if it does not acknowledge the
    template's IAM resources.
    """
    text = _given_template(response, stack)
    capabilities.check(models.Stack.parse_template(text), privates.parameter(response, "Capabilities", []))
    return text


def _given_template(response: Any, stack: Any) -> str:
    text, url = privates.parameter(response, "TemplateBody"), privates.parameter(response, "TemplateURL")
    previous = privates.flag(response, "UsePreviousTemplate", False)
    if previous and (text or url):
        raise ValidationError(message="You cannot specify both usePreviousTemplate and Template Body/Template URL.")
    if previous and stack is not None and stack.template:
        return str(stack.template)
    if not text and not url:
        raise ValidationError(message="Either Template URL or Template Body must be specified.")
    return str(text or privates.template_at(response, url))


def parameters_of(response: Any, stack: Any) -> dict[str, str]:
    """Return a request's parameters, with UsePreviousValue resolved from the stack. Raise ValidationError."""
    previous = unresolved_parameters(stack) if stack is not None else {}
    return {
        parameter["ParameterKey"]: _previous(parameter, previous)
        if parameter.get("UsePreviousValue")
        else parameter.get("ParameterValue", "")
        for parameter in privates.parameter(response, "Parameters", [])
    }


def _previous(parameter: dict[str, Any], previous: dict[str, str]) -> str:
    key = parameter["ParameterKey"]
    if parameter.get("ParameterValue"):
        raise ValidationError(
            message=f"Invalid input for parameter key {key}."
            " Cannot specify usePreviousValue as true and non empty value for a parameter"
        )
    if key not in previous:
        raise ValidationError(
            message=f"Invalid input for parameter key {key}."
            " Cannot specify usePreviousValue as true for a parameter key not in the previous template"
        )
    return previous[key]


def tags_of(response: Any, stack: Any) -> dict[str, str]:
    """Return a request's tags; those of the stack if the request has no parameter Tags."""
    if stack is not None and not any(name.partition(".")[0] == "Tags" for name in response.querystring):
        return dict(stack.tags)
    return {tag["Key"]: tag["Value"] for tag in privates.parameter(response, "Tags", [])}


def _policy_of(response: Any) -> FailurePolicy:
    names = ("DeploymentConfig", "OnFailure", "DisableRollback", "RetainExceptOnCreate")
    return failure_policy(*(privates.parameter(response, name) for name in names))


def _answer_create(self: Any) -> Any:
    stack = self.cloudformation_backend.create_stack(
        name=privates.parameter(self, "StackName"),
        template=template_of(self, None),
        parameters=parameters_of(self, None),
        failure_policy=_policy_of(self),
        notification_arns=privates.parameter(self, "NotificationARNs", []),
        tags=tags_of(self, None),
        role_arn=privates.parameter(self, "RoleARN"),
        enable_termination_protection=privates.parameter(self, "EnableTerminationProtection"),
        timeout_in_mins=privates.parameter(self, "TimeoutInMinutes"),
        stack_policy_body=privates.parameter(self, "StackPolicyBody"),
    )
    return ActionResult({"StackId": stack.stack_id})


def _answer_update(self: Any) -> Any:
    stack = stack_of(self)
    stacks.update(stack, template_of(self, stack), parameters_of(self, stack), tags_of(self, stack), _policy_of(self))
    stack.role_arn = privates.parameter(self, "RoleARN") or stack.role_arn
    return ActionResult({"StackId": stack.stack_id})


def _answer_rollback(self: Any) -> Any:
    stack = stack_of(self)
    failed = _failed(stack, FAILED)
    if failed.mode == EXPRESS:
        raise ValidationError(
            message="RollbackStack is not supported for stacks that were last updated using EXPRESS deployment mode"
            " and are in a failed state"
        )
    roll_back(stack, failed, "User Initiated", retained=bool(privates.parameter(self, "RetainExceptOnCreate")))
    return ActionResult({"StackId": stack.stack_id})


def _answer_continue(self: Any) -> Any:
    stack = stack_of(self)
    failed = _failed(stack, ("UPDATE_ROLLBACK_FAILED",))
    skip = privates.parameter(self, "ResourcesToSkip", [])
    known = {name for change in failed.changes for name in change.not_undone}
    if unknown := sorted(set(skip) - known):
        raise ValidationError(
            message=f"Resources [{', '.join(unknown)}] cannot be skipped: they did not fail to roll back."
        )
    force = bool(privates.parameter(self, "ForceRollback"))
    roll_back(stack, failed, "User Initiated", retained=False, skip=skip, force=force)
    return EmptyResult()


def _failed(stack: Any, statuses: tuple[str, ...]) -> FailedDeployment:
    failed = failed_deployment(stack)
    if failed is None or stack.status not in statuses:
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be rolled back.")
    return failed


_RESPONSE: Final = "moto.cloudformation.responses:CloudFormationResponse"

PATCHES: Final = (
    Patch(
        _RESPONSE,
        "create_stack",
        "(self)",
        "OnFailure and DisableRollback are ignored.",
        "on_failure_is_ignored",
        replaced_by(_answer_create),
    ),
    Patch(
        _RESPONSE,
        "update_stack",
        "(self)",
        "An update without a change is carried out.",
        "an_update_without_a_change_is_carried_out",
        replaced_by(_answer_update),
    ),
    Patch(
        _RESPONSE,
        "rollback_stack",
        ABSENT,
        "moto has no RollbackStack.",
        "a_rollback_cannot_be_asked_for",
        replaced_by(_answer_rollback),
    ),
    Patch(
        _RESPONSE,
        "continue_update_rollback",
        ABSENT,
        "moto has no ContinueUpdateRollback.",
        "a_rollback_cannot_be_continued",
        replaced_by(_answer_continue),
    ),
)
