"""Requests that create, update and roll back stacks: read from the API's parameters, and answered."""

from __future__ import annotations

from typing import Any, Final

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.core.responses import ActionResult, EmptyResult

from cronstack_infra.local.cloudformation import capabilities, stacks
from cronstack_infra.local.cloudformation.deploy.deployment import Unfinished, roll_back, unfinished
from cronstack_infra.local.cloudformation.deploy.failing import EXPRESS, Failing, failing
from cronstack_infra.local.cloudformation.stacks import FAILED, found, unresolved_parameters
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import ABSENT, Patch, replaced_by


def stack_of(response: Any) -> Any:
    """The stack that a request names. Raises ValidationError."""
    name = privates.parameter(response, "StackName")
    stack = found(response.cloudformation_backend, name)
    if stack is None:
        raise ValidationError(name)
    return stack


def template_of(response: Any, stack: Any) -> str:
    """Return the text of the template of a request that acknowledges its IAM resources.

    ``stack`` has the previous one. Raises ValidationError, InsufficientCapabilities.
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
    """The parameters that a request gives, or takes over from the stack. Raises ValidationError."""
    held = unresolved_parameters(stack) if stack is not None else {}
    return {
        one["ParameterKey"]: _previous(one, held) if one.get("UsePreviousValue") else one.get("ParameterValue", "")
        for one in privates.parameter(response, "Parameters", [])
    }


def _previous(parameter: dict[str, Any], held: dict[str, str]) -> str:
    key = parameter["ParameterKey"]
    if parameter.get("ParameterValue"):
        raise ValidationError(
            message=f"Invalid input for parameter key {key}."
            " Cannot specify usePreviousValue as true and non empty value for a parameter"
        )
    if key not in held:
        raise ValidationError(
            message=f"Invalid input for parameter key {key}."
            " Cannot specify usePreviousValue as true for a parameter key not in the previous template"
        )
    return held[key]


def tags_of(response: Any, stack: Any) -> dict[str, str]:
    """The tags that a request gives; those of the stack when it does not speak of tags."""
    if stack is not None and not any(name.partition(".")[0] == "Tags" for name in response.querystring):
        return dict(stack.tags)
    return {one["Key"]: one["Value"] for one in privates.parameter(response, "Tags", [])}


def _failing(response: Any) -> Failing:
    names = ("DeploymentConfig", "OnFailure", "DisableRollback", "RetainExceptOnCreate")
    return failing(*(privates.parameter(response, name) for name in names))


def _answer_create(self: Any) -> Any:
    stack = self.cloudformation_backend.create_stack(
        name=privates.parameter(self, "StackName"),
        template=template_of(self, None),
        parameters=parameters_of(self, None),
        failing=_failing(self),
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
    stacks.update(stack, template_of(self, stack), parameters_of(self, stack), tags_of(self, stack), _failing(self))
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
    known = {name for change in failed.changes for name in change.not_put_back}
    if strange := sorted(set(skip) - known):
        raise ValidationError(
            message=f"Resources [{', '.join(strange)}] cannot be skipped: they did not fail to roll back."
        )
    force = bool(privates.parameter(self, "ForceRollback"))
    roll_back(stack, failed, "User Initiated", retained=False, skip=skip, force=force)
    return EmptyResult()


def _failed(stack: Any, statuses: tuple[str, ...]) -> Unfinished:
    failed = unfinished(stack)
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
