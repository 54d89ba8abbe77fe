"""Change sets as the CDK CLI uses them: one for every deployment, always with the same name.

A wrong error code costs much time here. The CLI polls for ever unless a deleted change set is answered with
ChangeSetNotFound, and it retries an HTTP 500 for 48 seconds.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote, urlparse

from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError, ValidationError
from moto.cloudformation.models import ChangeSet
from moto.cloudformation.utils import generate_changeset_id, validate_create_change_set
from moto.core.responses import ActionResult, EmptyResult
from moto.s3.models import s3_backends

from cronstack_infra.local.cloudformation.deploy.deployment import Deployed, deploy, looked_up
from cronstack_infra.local.cloudformation.deploy.events import enter
from cronstack_infra.local.cloudformation.deploy.failing import failing
from cronstack_infra.local.cloudformation.plan import PlannedChange
from cronstack_infra.local.cloudformation.plan_listing import HIDDEN, listed
from cronstack_infra.local.cloudformation.requests import parameters_of, tags_of, template_of
from cronstack_infra.local.cloudformation.stacks import check_updatable, checked, found, new_stack, plan
from cronstack_infra.local.cloudformation.template.parameters import hidden_names, whole
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by

NOTHING_CHANGED: Final = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class ChangeSetNotFound(CloudFormationError):
    """The code for which the CLI waits after it has deleted one."""

    code = "ChangeSetNotFound"


class InvalidChangeSetStatus(CloudFormationError):
    """The change set cannot be executed, or not any more."""

    code = "InvalidChangeSetStatus"


class Planned(ChangeSet):
    """A change set with what it would change."""

    wanted: Deployed
    plan: list[PlannedChange]
    hidden: set[str]
    """Values of NoEcho parameters, before and after."""
    config: dict[str, Any] | None
    on_failure: str | None

    def diff(self) -> list[Any]:
        return []


def _template_behind(self: Any, url: str) -> str:
    """The template the CLI has put into the bootstrap bucket. Ours has its bucket in the path, which moto expects of
    "localhost" and of AWS's own addresses only."""
    bucket, _, key = unquote(urlparse(url).path).lstrip("/").partition("/")
    found = s3_backends[self.current_account][self.partition].get_object(bucket, key)
    if found is None:
        raise ValidationError(message=f"S3 error: there is no template at {url}")
    return str(found.value.decode("utf-8"))


def _answer_create(self: Any) -> Any:
    backend, name = self.cloudformation_backend, privates.parameter(self, "ChangeSetName")
    validate_create_change_set(name)
    kind, mode = privates.parameter(self, "ChangeSetType") or "UPDATE", _mode(self)
    held = found(backend, privates.parameter(self, "StackName"))
    before = held if kind == "UPDATE" else None
    text, parameters = template_of(self, before), parameters_of(self, before)
    wanted = Deployed(text, checked(text), parameters, {}, tags_of(self, before))
    looked_up(wanted.template, parameters, backend.account_id, backend.region_name)
    stack = _stack_for(self, held, kind, mode)
    change_set = Planned(
        change_set_type=kind,
        change_set_id=generate_changeset_id(name, backend.region_name, backend.account_id),
        change_set_name=name,
        stack=stack,
        template=text,
        parameters=parameters,
        description=privates.parameter(self, "Description"),
        notification_arns=privates.parameter(self, "NotificationARNs", []),
        tags=wanted.tags,
        role_arn=privates.parameter(self, "RoleARN"),
    )
    change_set.wanted, change_set.hidden = wanted, _hidden(stack, wanted)
    change_set.config, change_set.on_failure = (
        privates.parameter(self, "DeploymentConfig"),
        privates.parameter(self, "OnStackFailure"),
    )
    change_set.plan, is_change = plan(stack, wanted)
    if is_change or kind == "CREATE":
        change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"
    else:
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = NOTHING_CHANGED
    backend.change_sets[change_set.change_set_id] = change_set
    return ActionResult({"Id": change_set.change_set_id, "StackId": stack.stack_id})


def _mode(response: Any) -> str:
    """The mode of deployment. Raises ValidationError for what a change set cannot ask for."""
    action = privates.parameter(response, "OnStackFailure")
    if action == "DELETE" and privates.parameter(response, "ChangeSetType") != "CREATE":
        raise ValidationError(message="OnStackFailure DELETE is only valid when ChangeSetType is CREATE.")
    return failing(privates.parameter(response, "DeploymentConfig"), action, None, None).mode


def _stack_for(response: Any, held: Any, kind: str, mode: str) -> Any:
    name, change_set_name = privates.parameter(response, "StackName"), privates.parameter(response, "ChangeSetName")
    if kind == "UPDATE":
        if held is None:
            raise ValidationError(message=f"Stack [{name}] does not exist")
        check_updatable(held, mode)
        return held
    if kind != "CREATE":
        raise ValidationError(message=f"The local cloud does not carry out change sets of the type {kind}.")
    if held is None:
        fields = {
            "notification_arns": privates.parameter(response, "NotificationARNs", []),
            "tags": tags_of(response, None),
        }
        stack = new_stack(
            response.cloudformation_backend, name, fields | {"role_arn": privates.parameter(response, "RoleARN")}
        )
        enter(stack, "REVIEW_IN_PROGRESS", "User Initiated")
        return stack
    if held.status != "REVIEW_IN_PROGRESS":
        raise AlreadyExistsException(
            f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set_name}]."
        )
    return held


def _hidden(stack: Any, wanted: Deployed) -> set[str]:
    values: set[str] = set()
    for template, given in ((wanted.template, wanted.parameters), (stack.template_dict, stack.parameters)):
        names = hidden_names(template)
        values |= {str(value) for name, value in whole(template, given).items() if name in names and str(value)}
    for held in stack.resource_map.held.values():
        values |= getattr(held.resource, "secrets", set())
    return values


def _answer_execute(self: Any) -> Any:
    change_set = _asked_for(self)
    for word, status, expected in (
        ("status", change_set.status, "CREATE_COMPLETE"),
        ("execution status", change_set.execution_status, "AVAILABLE"),
    ):
        if status != expected:
            raise InvalidChangeSetStatus(
                f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current {word} of [{status}]"
            )
    names = ("DisableRollback", "RetainExceptOnCreate")
    wish = failing(change_set.config, change_set.on_failure, *(privates.parameter(self, name) for name in names))
    stack, backend = change_set.stack, self.cloudformation_backend
    if change_set.change_set_type == "UPDATE":
        check_updatable(stack, wish.mode, rollback=wish.rollback)
    for one in list(backend.change_sets.values()):
        if one.stack_id == stack.stack_id and one is not change_set:
            del backend.change_sets[one.change_set_id]
    change_set.execution_status = "EXECUTE_IN_PROGRESS"
    done = deploy(stack, change_set.change_set_type, change_set.wanted, wish)
    change_set.execution_status = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"
    return EmptyResult()


def find(backend: Any, name: str, stack_name: str | None) -> Any:
    """The newest change set of that name or ARN, of that stack. Raises ChangeSetNotFound."""
    if name in backend.change_sets:
        return backend.change_sets[name]
    for change_set in reversed(backend.change_sets.values()):
        if change_set.change_set_name == name and stack_name in (change_set.stack_name, change_set.stack_id):
            return change_set
    raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")


def _asked_for(response: Any) -> Any:
    name, stack = privates.parameter(response, "ChangeSetName"), privates.parameter(response, "StackName")
    return find(response.cloudformation_backend, name, stack)


def _answer_describe(self: Any) -> Any:
    change_set = _asked_for(self)
    values = privates.flag(self, "IncludePropertyValues", False)
    hidden = hidden_names(change_set.wanted.template)
    return ActionResult(
        {
            "Changes": [listed(one, change_set.hidden, values=values) for one in change_set.plan],
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
            "Tags": [{"Key": name, "Value": value} for name, value in change_set.wanted.tags.items()],
        }
    )


def _answer_delete(self: Any) -> Any:
    try:
        change_set = _asked_for(self)
    except ChangeSetNotFound:
        return EmptyResult()  # AWS does not mind either
    del self.cloudformation_backend.change_sets[change_set.change_set_id]
    return EmptyResult()


def _answer_list(self: Any) -> Any:
    stack = privates.parameter(self, "StackName")
    held = self.cloudformation_backend.change_sets.values()
    return ActionResult({"Summaries": [one for one in held if stack in (one.stack_name, one.stack_id)]})


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
        "Describing a deleted change set fails with a code that the CDK does not know: it polls for ever.",
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
        "A TemplateURL with the bucket in its path is read by addresses of AWS and of localhost only.",
        "a_template_url_of_another_address_is_not_read",
        replaced_by(_template_behind),
    ),
)
