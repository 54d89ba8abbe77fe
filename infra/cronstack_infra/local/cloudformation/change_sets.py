"""Change sets as the CDK CLI uses them: one for every deployment, always with the same name.

A wrong error code costs much time here. The CLI polls forever unless DescribeChangeSet of a deleted change set fails
with ChangeSetNotFound, and it retries an HTTP 500 for 48 seconds.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlparse

from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet
from moto.cloudformation.utils import generate_changeset_id, validate_create_change_set
from moto.core.responses import ActionResult, EmptyResult
from moto.s3.models import s3_backends

from cronstack_infra.local.cloudformation.deploy.deployment import StackDefinition, deploy, parameter_store_values
from cronstack_infra.local.cloudformation.deploy.events import set_status
from cronstack_infra.local.cloudformation.deploy.failure_policy import failure_policy
from cronstack_infra.local.cloudformation.plan import PlannedChange
from cronstack_infra.local.cloudformation.plan_listing import HIDDEN, resource_change
from cronstack_infra.local.cloudformation.requests import parameters_of, tags_of, template_of
from cronstack_infra.local.cloudformation.stacks import check_updatable, checked_template, find_stack, new_stack, plan
from cronstack_infra.local.cloudformation.template.parameters import hidden_names, with_defaults
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by

NOTHING_CHANGED: Final = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class ChangeSetNotFound(CloudFormationError):
    """The error that the CLI waits for after it has deleted a change set."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatus(CloudFormationError):
    """The change set cannot be executed, or no longer."""

    code = "InvalidChangeSetStatus"


class PlannedChangeSet(ChangeSet):
    """A change set with the changes of its execution."""

    target: StackDefinition
    plan: list[PlannedChange]
    hidden: set[str]
    """Values of NoEcho parameters and secrets, before and after the change."""
    config: dict[str, Any] | None
    on_failure: str | None

    def diff(self) -> list[Any]:
        return []


def _template_at(self: Any, url: str) -> str:
    """Return the template that the CLI has uploaded to the bootstrap bucket.

    The local cloud's URLs have the bucket in the path, which moto supports for AWS's addresses and localhost only.
    """
    bucket, _, key = unquote(urlparse(url).path).lstrip("/").partition("/")
    uploaded = s3_backends[self.current_account][self.partition].get_object(bucket, key)
    if uploaded is None:
        raise ValidationError(message=f"S3 error: the template at {url} does not exist")
    return str(uploaded.value.decode("utf-8"))


def _answer_create(self: Any) -> Any:
    backend, name = self.cloudformation_backend, privates.parameter(self, "ChangeSetName")
    validate_create_change_set(name)
    kind, mode = privates.parameter(self, "ChangeSetType") or "UPDATE", _mode(self)
    existing = find_stack(backend, privates.parameter(self, "StackName"))
    before = existing if kind == "UPDATE" else None
    text, parameters = template_of(self, before), parameters_of(self, before)
    target = StackDefinition(text, checked_template(text), parameters, {}, tags_of(self, before))
    parameter_store_values(target.template, parameters, backend.account_id, backend.region_name)
    stack = _stack_for(self, existing, kind, mode)
    change_set = PlannedChangeSet(
        change_set_type=kind,
        change_set_id=generate_changeset_id(name, backend.region_name, backend.account_id),
        change_set_name=name,
        stack=stack,
        template=text,
        parameters=parameters,
        description=privates.parameter(self, "Description"),
        notification_arns=privates.parameter(self, "NotificationARNs", []),
        tags=target.tags,
        role_arn=privates.parameter(self, "RoleARN"),
    )
    change_set.target, change_set.hidden = target, _hidden(stack, target)
    change_set.config, change_set.on_failure = (
        privates.parameter(self, "DeploymentConfig"),
        privates.parameter(self, "OnStackFailure"),
    )
    change_set.plan, is_change = plan(stack, target)
    if is_change or kind == "CREATE":
        change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"
    else:
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = NOTHING_CHANGED
    backend.change_sets[change_set.change_set_id] = change_set
    return ActionResult({"Id": change_set.change_set_id, "StackId": stack.stack_id})


def _mode(response: Any) -> str:
    """Return the mode of deployment. Raise ValidationError for options that a change set does not support."""
    action = privates.parameter(response, "OnStackFailure")
    if action == "DELETE" and privates.parameter(response, "ChangeSetType") != "CREATE":
        raise ValidationError(message="OnStackFailure DELETE is only valid when ChangeSetType is CREATE.")
    return failure_policy(privates.parameter(response, "DeploymentConfig"), action, None, None).mode


def _stack_for(response: Any, existing: Any, kind: str, mode: str) -> Any:
    name, change_set_name = privates.parameter(response, "StackName"), privates.parameter(response, "ChangeSetName")
    if kind == "UPDATE":
        if existing is None:
            raise ValidationError(message=f"Stack [{name}] does not exist")
        check_updatable(existing, mode)
        return existing
    if kind != "CREATE":
        raise ValidationError(message=f"The local cloud does not support change sets of the type {kind}.")
    if existing is None:
        fields = {
            "notification_arns": privates.parameter(response, "NotificationARNs", []),
            "tags": tags_of(response, None),
        }
        stack = new_stack(
            response.cloudformation_backend, name, fields | {"role_arn": privates.parameter(response, "RoleARN")}
        )
        set_status(stack, "REVIEW_IN_PROGRESS", "User Initiated")
        return stack
    if existing.status != "REVIEW_IN_PROGRESS":
        raise AlreadyExistsException(
            f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set_name}]."
        )
    return existing


def _hidden(stack: Any, target: StackDefinition) -> set[str]:
    values: set[str] = set()
    for template, parameters in ((target.template, target.parameters), (stack.template_dict, stack.parameters)):
        names = hidden_names(template)
        values |= {
            str(value) for name, value in with_defaults(template, parameters).items() if name in names and str(value)
        }
    for existing in stack.resource_map.existing.values():
        values |= getattr(existing.resource, "secrets", set())
    return values


def _answer_execute(self: Any) -> Any:
    change_set = _requested(self)
    for label, status, expected in (
        ("status", change_set.status, "CREATE_COMPLETE"),
        ("execution status", change_set.execution_status, "AVAILABLE"),
    ):
        if status != expected:
            raise InvalidChangeSetStatus(
                f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current {label} of [{status}]"
            )
    names = ("DisableRollback", "RetainExceptOnCreate")
    policy = failure_policy(
        change_set.config, change_set.on_failure, *(privates.parameter(self, name) for name in names)
    )
    stack, backend = change_set.stack, self.cloudformation_backend
    if change_set.change_set_type == "UPDATE":
        check_updatable(stack, policy.mode, rollback=policy.rollback)
    for other in list(backend.change_sets.values()):
        if other.stack_id == stack.stack_id and other is not change_set:
            del backend.change_sets[other.change_set_id]
    change_set.execution_status = "EXECUTE_IN_PROGRESS"
    succeeded = deploy(stack, change_set.change_set_type, change_set.target, policy)
    change_set.execution_status = "EXECUTE_COMPLETE" if succeeded else "EXECUTE_FAILED"
    return EmptyResult()


def find(backend: Any, name: str, stack_name: str | None) -> Any:
    """Return the newest change set of a stack by its name or ARN. Raise ChangeSetNotFound if it does not exist."""
    if name in backend.change_sets:
        return backend.change_sets[name]
    for change_set in reversed(backend.change_sets.values()):
        if change_set.change_set_name == name and stack_name in (change_set.stack_name, change_set.stack_id):
            return change_set
    raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")


def _requested(response: Any) -> Any:
    name, stack = privates.parameter(response, "ChangeSetName"), privates.parameter(response, "StackName")
    return find(response.cloudformation_backend, name, stack)


def _answer_describe(self: Any) -> Any:
    change_set = _requested(self)
    values = privates.flag(self, "IncludePropertyValues", False)
    hidden = hidden_names(change_set.target.template)
    return ActionResult(
        {
            "Changes": [resource_change(change, change_set.hidden, values=values) for change in change_set.plan],
            "ChangeSetId": change_set.change_set_id,
            "ChangeSetName": change_set.change_set_name,
            "CreationTime": change_set.creation_time,
            "DeploymentConfig": change_set.config,
            "Description": change_set.description,
            "ExecutionStatus": change_set.execution_status,
            "NotificationARNs": change_set.notification_arns,
            "OnStackFailure": change_set.on_failure,
            "Parameters": {name: HIDDEN if name in hidden else value for name, value in change_set.parameters.items()},
            "StackId": change_set.stack_id,
            "StackName": change_set.stack_name,
            "Status": change_set.status,
            "StatusReason": change_set.status_reason,
            "Tags": [{"Key": name, "Value": value} for name, value in change_set.target.tags.items()],
        }
    )


def _answer_delete(self: Any) -> Any:
    try:
        change_set = _requested(self)
    except ChangeSetNotFound:
        return EmptyResult()  # as on AWS, no error
    del self.cloudformation_backend.change_sets[change_set.change_set_id]
    return EmptyResult()


def _answer_list(self: Any) -> Any:
    stack = privates.parameter(self, "StackName")
    change_sets = self.cloudformation_backend.change_sets.values()
    return ActionResult(
        {
            "Summaries": [
                change_set for change_set in change_sets if stack in (change_set.stack_name, change_set.stack_id)
            ]
        }
    )


_RESPONSE: Final = "moto.cloudformation.responses:CloudFormationResponse"

PATCHES: Final = (
    Patch(
        _RESPONSE,
        "create_change_set",
        "(self)",
        "A second change set of a stack under review makes a second stack.",
        "a_second_change_set_makes_a_second_stack",
        replaced_by(_answer_create),
    ),
    Patch(
        _RESPONSE,
        "delete_change_set",
        "(self)",
        "Deleting a change set that does not exist is a server error.",
        "deleting_an_unknown_change_set_is_a_server_error",
        replaced_by(_answer_delete),
    ),
    Patch(
        _RESPONSE,
        "describe_change_set",
        "(self)",
        "DescribeChangeSet of a deleted change set fails with another code than the CDK expects: it polls forever.",
        "a_deleted_change_set_is_described_with_another_code",
        replaced_by(_answer_describe),
    ),
    Patch(
        _RESPONSE,
        "execute_change_set",
        "(self)",
        "An executed change set registers no exports and leaves the others executable.",
        ("change_sets_do_not_register_exports", "an_executed_change_set_leaves_the_others_executable"),
        replaced_by(_answer_execute),
    ),
    Patch(
        _RESPONSE,
        "list_change_sets",
        "(self)",
        "The change sets of all stacks are listed for every stack.",
        "change_sets_of_all_stacks_are_listed",
        replaced_by(_answer_list),
    ),
    Patch(
        _RESPONSE,
        "_get_stack_from_s3_url",
        "(self, template_url)",
        "A TemplateURL with the bucket in its path is read for addresses of AWS and of localhost only.",
        "a_template_url_of_another_address_is_not_read",
        replaced_by(_template_at),
    ),
)
