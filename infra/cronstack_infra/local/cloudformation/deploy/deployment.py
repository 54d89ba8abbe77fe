"""Deployments of a stack: carried out, rolled back, or left as they failed until a retry or a rollback.

deploy   ->  CREATE_COMPLETE, UPDATE_COMPLETE
 a fault ->  rolled back: ROLLBACK_COMPLETE, UPDATE_ROLLBACK_COMPLETE, or ..._FAILED when something is stuck
         ->  not rolled back (DisableRollback): CREATE_FAILED, UPDATE_FAILED; deploy goes on, roll_back goes back
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import OutputMap

from cronstack_infra.local.cloudformation.deploy import outputs
from cronstack_infra.local.cloudformation.deploy.change import Change
from cronstack_infra.local.cloudformation.deploy.events import enter, report
from cronstack_infra.local.cloudformation.deploy.failing import Failing
from cronstack_infra.local.cloudformation.deploy.provision import ProvisioningFault, Resources
from cronstack_infra.local.cloudformation.template import references
from cronstack_infra.local.cloudformation.template.parameters import fetched
from cronstack_infra.local.cloudformation.template.template import Template
from cronstack_infra.local.moto import privates


class Deployed(NamedTuple):
    """What a stack was deployed from."""

    text: str
    template: Template
    parameters: dict[str, Any]
    fetched: dict[str, str]
    tags: dict[str, str]

    @classmethod
    def of(cls, stack: Any) -> Deployed:
        stored = getattr(stack, "fetched", {})
        return cls(stack.template, stack.template_dict, dict(stack.parameters or {}), stored, dict(stack.tags))

    def give_to(self, stack: Any) -> None:
        stack.template, stack.template_dict = self.text, self.template
        stack.parameters, stack.fetched, stack.tags = self.parameters, self.fetched, self.tags
        stack.description = self.template.get("Description")


@dataclass(frozen=True)
class Unfinished:
    """Failed deployments of a stack since its last stable state."""

    before: Deployed
    """What was deployed in that state."""
    is_new: bool
    """Whether there was none: the stack was being created."""
    changes: tuple[Change, ...]
    mode: str


def unfinished(stack: Any) -> Unfinished | None:
    """Return the failed deployments that were not, or not wholly, rolled back."""
    found: Unfinished | None = getattr(stack, "unfinished", None)
    return found


def looked_up(template: Template, parameters: dict[str, Any], account: str, region: str) -> dict[str, str]:
    """Return what stands in Parameter Store at present, by the parameter or the reference that asks for it.

    Raises ValidationError.
    """
    return fetched(template, parameters, account, region) | references.stored(template, account, region)


def deploy(stack: Any, kind: str, wanted: Deployed, failing: Failing) -> bool:
    """Bring a stack to a template; ``kind`` is CREATE or UPDATE. False when it failed: see the events."""
    resources: Resources = stack.resource_map
    resources.cross_stack_resources = outputs.backend_of(stack).exports
    resources.report = lambda *step: report(stack, *step)
    resources.stack_tags = wanted.tags
    so_far = unfinished(stack) or Unfinished(Deployed.of(stack), kind == "CREATE", (), failing.mode)
    again = {change.failed for change in so_far.changes}
    change = Change(resources, in_place=not failing.rollback and kind == "UPDATE", again=again)
    stack.unfinished = replace(so_far, changes=(*so_far.changes, change), mode=failing.mode)
    _show(stack, failing)
    _outdate_change_sets(stack)
    enter(stack, f"{kind}_IN_PROGRESS", "User Initiated")
    try:
        wanted = wanted._replace(fetched=_stored(stack, wanted))
        change.apply(wanted.template, wanted.parameters)
        made, exports = _outputs(stack, wanted.template)
    except ProvisioningFault as fault:
        _fail(stack, stack.unfinished, wanted, failing, f"The following resource(s) failed: [{fault}]")
        return False
    wanted.give_to(stack)
    if kind == "UPDATE":
        enter(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    change.clean_up()
    stack.output_map, stack.unfinished = made, None
    outputs.replace_exports(stack, exports)
    stack.imported = outputs.imported(resources, wanted.template)
    enter(stack, f"{kind}_COMPLETE")
    return True


def _show(stack: Any, failing: Failing) -> None:
    """What DescribeStacks shows of the request."""
    stack.disable_rollback = not failing.rollback
    stack.retain_except_on_create = failing.retain_except_on_create
    stack.deployment_config = {"Mode": failing.mode, "DisableRollback": not failing.rollback}


def _outdate_change_sets(stack: Any) -> None:
    """Make change sets of the stack as it was unexecutable."""
    for one in outputs.backend_of(stack).change_sets.values():
        if one.stack_id == stack.stack_id and one.execution_status == "AVAILABLE":
            one.execution_status = "OBSOLETE"


def _stored(stack: Any, wanted: Deployed) -> dict[str, str]:
    try:
        return looked_up(wanted.template, wanted.parameters, stack.account_id, stack.region_name)
    except ValidationError as fault:  # deleted after the change set was made
        raise ProvisioningFault("the template", str(fault.message)) from fault


def _outputs(stack: Any, template: Template) -> tuple[OutputMap, list[Any]]:
    """Return outputs and exports. What cannot be evaluated fails the deployment, not a later description."""
    try:
        made = outputs.evaluated(stack.resource_map, template, stack.stack_id)
        return made, outputs.exports_of(stack, made)
    except Exception as fault:  # of an intrinsic function or moto's class behind it
        raise ProvisioningFault("Outputs", str(getattr(fault, "message", fault))) from fault


def _fail(stack: Any, failed: Unfinished, wanted: Deployed, failing: Failing, reason: str) -> None:
    if not failing.rollback:
        wanted.give_to(stack)
        enter(stack, "CREATE_FAILED" if failed.is_new and len(failed.changes) == 1 else "UPDATE_FAILED", reason)
    elif failing.delete and failed.is_new:
        enter(stack, "DELETE_IN_PROGRESS", f"{reason} Delete requested by user.")
        _go_back(stack, failed, "DELETE", reason, retained=failing.retain_except_on_create)
        if stack.status == "DELETE_COMPLETE":
            forget(stack)
    else:
        roll_back(stack, failed, reason, retained=failing.retain_except_on_create)


def roll_back(
    stack: Any, failed: Unfinished, reason: str, *, retained: bool, skip: Collection[str] = (), force: bool = False
) -> None:
    """Say why, put back what was updated, and remove at last what was made: AWS reports it in this order.

    ``retained`` removes also what was made with the policy Retain. ``skip`` leaves resources as they are; ``force``
    leaves those that cannot be put back.
    """
    way_back = "ROLLBACK" if failed.is_new else "UPDATE_ROLLBACK"
    stack.resource_map.report = lambda *step: report(stack, *step)
    _outdate_change_sets(stack)
    enter(stack, f"{way_back}_IN_PROGRESS", reason)
    for change in failed.changes:
        change.skip(skip)
    _go_back(stack, failed, way_back, reason, retained=retained, force=force)


def _go_back(
    stack: Any, failed: Unfinished, way_back: str, reason: str, *, retained: bool, force: bool = False
) -> None:
    last_first = failed.changes[::-1]
    stuck = [one for change in last_first for one in change.put_back()]
    if force:
        for change in last_first:
            change.skip({one.name for one in stuck})
        stuck = []
    if way_back == "UPDATE_ROLLBACK" and not stuck:
        enter(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    stuck += [one for change in last_first for one in change.take_away(retained=retained)]
    failed.changes[0].restore()
    failed.before.give_to(stack)
    if stuck:
        enter(stack, f"{way_back}_FAILED", f"could not be put back: {'; '.join(map(str, stuck))}")
    else:
        stack.unfinished = None
        enter(stack, f"{way_back}_COMPLETE", reason)


def forget(stack: Any) -> None:
    """Move a deleted stack to the deleted ones: it is found by its ARN only."""
    outputs.replace_exports(stack, [])
    stack.template_dict, stack.unfinished, stack.imported = {}, None, frozenset()
    stack.output_map = privates.output_map(stack)
    backend = outputs.backend_of(stack)
    for name in [name for name, one in backend.change_sets.items() if one.stack_id == stack.stack_id]:
        del backend.change_sets[name]
    del backend.stacks[stack.stack_id]
    backend.deleted_stacks[stack.stack_id] = stack
