"""Change sets, as the cdk CLI uses them: for every deploy one, always of the same name.

Of moto 5.2.5: they are looked up by name over all stacks; describing a deleted one fails with a code the CLI does not
know (it then polls for ever), deleting one that is not there is an HTTP 500 (48 s of retries), a second one for a
stack under review makes a second stack, and they know no exports and no rollback.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlparse

from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import generate_changeset_id, validate_create_change_set
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult
from moto.s3.models import s3_backends

from cronstack_infra.local.cloudformation.stacks import (
    checked,
    deploy,
    is_up_to_date,
    looked_up,
    new_stack,
    parse_template,
)
from cronstack_infra.local.mend import mend

NOTHING_CHANGED = (
    "The submitted information didn't contain changes. Submit different information to create a change set."
)


class ChangeSetNotFound(ServiceException):
    """The code for which the CLI waits after it has deleted one."""

    code = "ChangeSetNotFound"


def install() -> None:
    mend(ChangeSet, _parse_template=_parse_template)
    mend(CloudFormationBackend, create_change_set=_create, execute_change_set=_execute)
    mend(
        CloudFormationResponse,
        delete_change_set=_answer_delete,
        describe_change_set=_answer_describe,
        execute_change_set=_answer_execute,
        list_change_sets=_answer_list,
        _validate_different_update=lambda *_: None,  # a change set without changes is made, and then FAILED
        _get_stack_from_s3_url=_template_behind,
    )


def _template_behind(self: Any, url: str) -> str:
    """The template the CLI has put into the bootstrap bucket. Ours has its bucket in the path, which moto expects of
    "localhost" and of AWS's own addresses only."""
    bucket, _, key = unquote(urlparse(url).path).lstrip("/").partition("/")
    found = s3_backends[self.current_account][self.partition].get_object(bucket, key)
    if found is None:
        raise ValidationError(message=f"S3 error: there is no template at {url}")
    return str(found.value.decode("utf-8"))


def _parse_template(self: Any) -> None:
    self.template_dict = parse_template(self.template)


def _create(
    self: Any,
    stack_name: str,
    change_set_name: str,
    template: str,
    parameters: dict[str, str],
    description: str,
    change_set_type: str,
    **fields: Any,
) -> tuple[str, str]:
    validate_create_change_set(change_set_name)
    looked_up(checked(template), parameters, self.account_id, self.region_name)
    stack = _stack_for(self, stack_name, change_set_name, change_set_type, fields)
    change_set = ChangeSet(
        change_set_type=change_set_type,
        change_set_id=generate_changeset_id(change_set_name, self.region_name, self.account_id),
        change_set_name=change_set_name,
        stack=stack,
        template=template,
        parameters=parameters,
        description=description,
        **fields,
    )
    same_tags = (fields.get("tags") or {}) == stack.tags
    if change_set_type == "UPDATE" and same_tags and is_up_to_date(stack, template, parameters):
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = NOTHING_CHANGED
    else:
        change_set.status, change_set.execution_status = "CREATE_COMPLETE", "AVAILABLE"
    self.change_sets[change_set.change_set_id] = change_set
    return change_set.change_set_id, stack.stack_id


def _stack_for(backend: Any, name: str, change_set_name: str, kind: str, fields: dict[str, Any]) -> Any:
    found = next((stack for stack in backend.stacks.values() if name in (stack.name, stack.stack_id)), None)
    if kind == "UPDATE":
        if found is None:
            raise ValidationError(name)
        if found.status in (
            "REVIEW_IN_PROGRESS",
            "ROLLBACK_COMPLETE",
            "ROLLBACK_FAILED",
            "UPDATE_ROLLBACK_FAILED",
            "DELETE_FAILED",
        ):
            raise ValidationError(message=f"Stack:{found.stack_id} is in {found.status} state and can not be updated.")
        return found
    if found is None:
        stack = new_stack(backend, name, fields)
        stack.status = "REVIEW_IN_PROGRESS"
        stack._add_stack_event("REVIEW_IN_PROGRESS", resource_status_reason="User Initiated")
        return stack
    if found.status != "REVIEW_IN_PROGRESS":
        raise AlreadyExistsException(
            f"Stack [{name}] already exists and cannot be created again with the changeSet [{change_set_name}]."
        )
    return found


def _execute(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = find(self, change_set_name, stack_name)
    if change_set.execution_status != "AVAILABLE":
        raise ServiceException(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of [{change_set.status}]",
        )
    stack = self.stacks[change_set.stack_id]
    tags = dict(change_set.tags or {})
    done = deploy(stack, change_set.change_set_type, change_set.template, dict(change_set.parameters), tags)
    change_set.execution_status = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"


def find(backend: Any, name: str, stack_name: str | None) -> Any:
    """The newest change set of that name or ARN, of that stack. Raises ChangeSetNotFound."""
    if name in backend.change_sets:
        return backend.change_sets[name]
    for change_set in reversed(backend.change_sets.values()):
        if change_set.change_set_name == name and stack_name in (change_set.stack_name, change_set.stack_id):
            return change_set
    raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")


def _asked_for(response: Any) -> Any:
    name, stack = response._get_param("ChangeSetName"), response._get_param("StackName")
    return find(response.cloudformation_backend, name, stack)


def _answer_describe(self: Any) -> Any:
    return ActionResult(_asked_for(self))


def _answer_delete(self: Any) -> Any:
    try:
        change_set = _asked_for(self)
    except ChangeSetNotFound:
        return EmptyResult()  # AWS does not mind either
    del self.cloudformation_backend.change_sets[change_set.change_set_id]
    return EmptyResult()


def _answer_execute(self: Any) -> Any:
    change_set = _asked_for(self)
    self.cloudformation_backend.execute_change_set(change_set.change_set_id)
    return EmptyResult()


def _answer_list(self: Any) -> Any:
    stack = self._get_param("StackName")
    listed = self.cloudformation_backend.change_sets.values()
    return ActionResult({"Summaries": [one for one in listed if stack in (one.stack_name, one.stack_id)]})
