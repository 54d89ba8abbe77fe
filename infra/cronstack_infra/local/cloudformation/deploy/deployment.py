"""Deployments of a stack: completed, rolled back, or left in their failed state until a retry or a rollback.

deploy   ->  CREATE_COMPLETE, UPDATE_COMPLETE
 a fault ->  rolled back: ROLLBACK_COMPLETE, UPDATE_ROLLBACK_COMPLETE, or ..._FAILED if a resource cannot be restored
         ->  not rolled back (DisableRollback): CREATE_FAILED, UPDATE_FAILED; then deploy retries, roll_back restores
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import OutputMap

from cronstack_infra.local.cloudformation.deploy import outputs
from cronstack_infra.local.cloudformation.deploy.change import StackChange
from cronstack_infra.local.cloudformation.deploy.events import report, set_status
from cronstack_infra.local.cloudformation.deploy.failure_policy import FailurePolicy
from cronstack_infra.local.cloudformation.deploy.provision import ProvisioningError, Resources
from cronstack_infra.local.cloudformation.template import references
from cronstack_infra.local.cloudformation.template.parameters import ssm_values
from cronstack_infra.local.cloudformation.template.template import Template
from cronstack_infra.local.moto import privates


class StackDefinition(NamedTuple):
    """The input of a deployment: template, parameters and tags."""

    text: str
    template: Template
    parameters: dict[str, Any]
    ssm_values: dict[str, str]
    tags: dict[str, str]

    @classmethod
    def of(cls, stack: Any) -> StackDefinition:
        stored = getattr(stack, "ssm_values", {})
        return cls(stack.template, stack.template_dict, dict(stack.parameters or {}), stored, dict(stack.tags))

    def assign_to(self, stack: Any) -> None:
        stack.template, stack.template_dict = self.text, self.template
        stack.parameters, stack.ssm_values, stack.tags = self.parameters, self.ssm_values, self.tags
        stack.description = self.template.get("Description")


@dataclass(frozen=True)
class FailedDeployment:
    """Failed deployments of a stack since its last stable state."""

    before: StackDefinition
    """The definition that was deployed in that state."""
    is_new: bool
    """Whether the stack had no stable state: it was being created."""
    changes: tuple[StackChange, ...]
    mode: str


def failed_deployment(stack: Any) -> FailedDeployment | None:
    """Return the failed deployments that were not, or not completely, rolled back; None without any."""
    failed: FailedDeployment | None = getattr(stack, "failed_deployment", None)
    return failed


def parameter_store_values(template: Template, parameters: dict[str, Any], account: str, region: str) -> dict[str, str]:
    """Return the current values in Parameter Store, by parameter or dynamic reference.

    Raise ValidationError if a value is missing.
    """
    return ssm_values(template, parameters, account, region) | references.stored(template, account, region)


def deploy(stack: Any, kind: str, target: StackDefinition, failure_policy: FailurePolicy) -> bool:
    """Deploy a definition to a stack; ``kind`` is CREATE or UPDATE. Return False on failure, after adding events."""
    resources: Resources = stack.resource_map
    resources.cross_stack_resources = outputs.backend_of(stack).exports
    resources.report = lambda *step: report(stack, *step)
    resources.stack_tags = target.tags
    earlier = failed_deployment(stack) or FailedDeployment(
        StackDefinition.of(stack), kind == "CREATE", (), failure_policy.mode
    )
    again = {change.failed for change in earlier.changes}
    change = StackChange(resources, in_place=not failure_policy.rollback and kind == "UPDATE", again=again)
    stack.failed_deployment = replace(earlier, changes=(*earlier.changes, change), mode=failure_policy.mode)
    _show(stack, failure_policy)
    _outdate_change_sets(stack)
    set_status(stack, f"{kind}_IN_PROGRESS", "User Initiated")
    try:
        target = target._replace(ssm_values=_stored(stack, target))
        change.apply(target.template, target.parameters)
        output_map, exports = _outputs(stack, target.template)
    except ProvisioningError as fault:
        _fail(stack, stack.failed_deployment, target, failure_policy, f"The following resource(s) failed: [{fault}]")
        return False
    target.assign_to(stack)
    if kind == "UPDATE":
        set_status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    change.clean_up()
    stack.output_map, stack.failed_deployment = output_map, None
    outputs.replace_exports(stack, exports)
    stack.imported = outputs.imported_names(resources, target.template)
    set_status(stack, f"{kind}_COMPLETE")
    return True


def _show(stack: Any, failure_policy: FailurePolicy) -> None:
    """Set the options of the request that DescribeStacks shows."""
    stack.disable_rollback = not failure_policy.rollback
    stack.retain_except_on_create = failure_policy.retain_except_on_create
    stack.deployment_config = {"Mode": failure_policy.mode, "DisableRollback": not failure_policy.rollback}


def _outdate_change_sets(stack: Any) -> None:
    """Mark the other change sets of the stack as obsolete: they were planned for its old state."""
    for change_set in outputs.backend_of(stack).change_sets.values():
        if change_set.stack_id == stack.stack_id and change_set.execution_status == "AVAILABLE":
            change_set.execution_status = "OBSOLETE"


def _stored(stack: Any, target: StackDefinition) -> dict[str, str]:
    try:
        return parameter_store_values(target.template, target.parameters, stack.account_id, stack.region_name)
    except ValidationError as fault:  # deleted after the change set was created
        raise ProvisioningError("the template", str(fault.message)) from fault


def _outputs(stack: Any, template: Template) -> tuple[OutputMap, list[Any]]:
    """Return outputs and exports. A fault in one fails the deployment, not a later DescribeStacks."""
    try:
        output_map = outputs.evaluate(stack.resource_map, template, stack.stack_id)
        return output_map, outputs.exports_of(stack, output_map)
    except Exception as fault:  # of any type: moto's intrinsic functions and resource classes raise many
        raise ProvisioningError("Outputs", str(getattr(fault, "message", fault))) from fault


def _fail(
    stack: Any, failed: FailedDeployment, target: StackDefinition, failure_policy: FailurePolicy, reason: str
) -> None:
    if not failure_policy.rollback:
        target.assign_to(stack)
        set_status(stack, "CREATE_FAILED" if failed.is_new and len(failed.changes) == 1 else "UPDATE_FAILED", reason)
    elif failure_policy.delete and failed.is_new:
        set_status(stack, "DELETE_IN_PROGRESS", f"{reason} Delete requested by user.")
        _undo(stack, failed, "DELETE", reason, retained=failure_policy.retain_except_on_create)
        if stack.status == "DELETE_COMPLETE":
            move_to_deleted(stack)
    else:
        roll_back(stack, failed, reason, retained=failure_policy.retain_except_on_create)


def roll_back(
    stack: Any,
    failed: FailedDeployment,
    reason: str,
    *,
    retained: bool,
    skip: Collection[str] = (),
    force: bool = False,
) -> None:
    """Report the reason, undo the updates, then the creations: AWS's order.

    ``retained`` removes also created resources with the policy Retain. ``skip`` excludes resources from the rollback;
    ``force`` excludes those that cannot be restored.
    """
    operation = "ROLLBACK" if failed.is_new else "UPDATE_ROLLBACK"
    stack.resource_map.report = lambda *step: report(stack, *step)
    _outdate_change_sets(stack)
    set_status(stack, f"{operation}_IN_PROGRESS", reason)
    for change in failed.changes:
        change.skip(skip)
    _undo(stack, failed, operation, reason, retained=retained, force=force)


def _undo(
    stack: Any, failed: FailedDeployment, operation: str, reason: str, *, retained: bool, force: bool = False
) -> None:
    last_first = failed.changes[::-1]
    failures = [failure for change in last_first for failure in change.undo_updates()]
    if force:
        for change in last_first:
            change.skip({failure.name for failure in failures})
        failures = []
    if operation == "UPDATE_ROLLBACK" and not failures:
        set_status(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    failures += [failure for change in last_first for failure in change.undo_creations(retained=retained)]
    failed.changes[0].restore()
    failed.before.assign_to(stack)
    if failures:
        set_status(stack, f"{operation}_FAILED", f"could not be rolled back: {'; '.join(map(str, failures))}")
    else:
        stack.failed_deployment = None
        set_status(stack, f"{operation}_COMPLETE", reason)


def move_to_deleted(stack: Any) -> None:
    """Move a stack to the deleted stacks, where only its ARN finds it."""
    outputs.replace_exports(stack, [])
    stack.template_dict, stack.failed_deployment, stack.imported = {}, None, frozenset()
    stack.output_map = privates.output_map(stack)
    backend = outputs.backend_of(stack)
    for name in [name for name, change_set in backend.change_sets.items() if change_set.stack_id == stack.stack_id]:
        del backend.change_sets[name]
    del backend.stacks[stack.stack_id]
    backend.deleted_stacks[stack.stack_id] = stack
