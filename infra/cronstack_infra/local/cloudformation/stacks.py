"""Stacks: created, updated and deleted with exports that hold, events for each resource, and a way back.

Of moto 5.2.5: change sets do not see or register exports, an exception leaves a stack half made (no rollback), a
failing delete loses the stack, and a template is parsed by pure-Python YAML several times a deploy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import Event
from moto.cloudformation.parsing import OutputMap, clean_json
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudformation.utils import generate_stack_id

from cronstack_infra.local.cloudformation import references
from cronstack_infra.local.cloudformation.parameters import fetched
from cronstack_infra.local.cloudformation.provision import Change, ProvisioningFault, Resources
from cronstack_infra.local.cloudformation.stack_tags import keep_unless_given
from cronstack_infra.local.cloudformation.template import Template, check, parse
from cronstack_infra.local.cloudformation.types import why_not
from cronstack_infra.local.mend import mend

_parse_yaml = models.Stack.parse_template


def install() -> None:
    mend(models, ResourceMap=Resources)
    mend(
        models.Stack,
        parse_template=staticmethod(parse_template),
        has_parameters=_has_parameters,
        stack_parameters=property(unresolved_parameters),
        parameter_list=property(_shown_parameters),
        update=_update,
    )
    mend(
        models.CloudFormationBackend,
        create_stack=_create_stack,
        delete_stack=_delete_stack,
        _resolve_update_parameters=_resolve_update_parameters,
    )
    answers = CloudFormationResponse
    mend(
        answers,
        create_change_set=keep_unless_given(answers.create_change_set),
        update_stack=keep_unless_given(answers.update_stack),
    )


def parse_template(text: str) -> Template:
    return parse(text, _parse_yaml)


def checked(text: str) -> Template:
    """A template that the local cloud can carry out. Raises ValidationError."""
    template = parse_template(text)
    check(template, why_not)
    references.check(template)
    return template


def looked_up(template: Template, parameters: Mapping[str, Any], account: str, region: str) -> dict[str, str]:
    """What stands at present in Parameter Store, by the parameter or the reference that asks for it. Raises
    ValidationError."""
    return fetched(template, parameters, account, region) | references.stored(template, account, region)


def unresolved_parameters(stack: Any, template: Template | None = None) -> dict[str, Any]:
    """The parameters as they were given, or their defaults.

    moto gives the resolved ones; "use the previous value" then hands in the value of an SSM parameter ("30", the
    version of cdk's bootstrap) where its name is wanted, and every update fails.
    """
    slots = (template or stack.template_dict).get("Parameters") or {}
    defaults = {name: str(slot["Default"]) for name, slot in slots.items() if "Default" in slot}
    return defaults | dict(stack.parameters or {})


def _shown_parameters(stack: Any) -> list[dict[str, str]]:
    """moto shows what is resolved as the value, and what is not to be shown."""
    slots = stack.template_dict.get("Parameters") or {}
    stored = getattr(stack, "fetched", {})
    return [
        {"ParameterKey": name, "ParameterValue": "****" if str(slots[name].get("NoEcho")).lower() == "true" else value}
        | ({"ResolvedValue": stored[name]} if name in stored else {})
        for name, value in unresolved_parameters(stack).items()
        if name in slots
    ]


def is_up_to_date(stack: Any, text: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a template and its parameters are what the stack has, and Parameter Store holds what it held."""
    stored = looked_up(parse_template(text), parameters, stack.account_id, stack.region_name)
    return bool(
        stack.has_template(text) and stack.has_parameters(parameters) and stored == getattr(stack, "fetched", {})
    )


def _has_parameters(stack: Any, other: Mapping[str, Any]) -> bool:
    return unresolved_parameters(stack) == {**unresolved_parameters(stack), **other}


def deploy(stack: Any, kind: str, text: str, parameters: dict[str, Any], tags: dict[str, str]) -> bool:
    """Bring a stack to a template; ``kind`` is CREATE or UPDATE. False when it was rolled back: see its events."""
    backend = backend_of(stack)
    resources: Resources = stack.resource_map
    resources.cross_stack_resources = backend.exports
    resources.report = lambda *step: _report(stack, *step)
    resources.stack_tags = tags
    template = parse_template(text)
    _enter(stack, f"{kind}_IN_PROGRESS", "User Initiated")
    change = Change(resources)
    try:
        stored = _fetched(stack, template, parameters)
        change.apply(template, parameters)
        try:
            outputs = _outputs(stack, template)
            exports = _exports(stack, outputs)
        except Exception as fault:  # of an intrinsic function or moto's class behind it
            raise ProvisioningFault("Outputs", str(getattr(fault, "message", fault))) from fault
    except ProvisioningFault as fault:
        _roll_back(stack, kind, change, fault)
        return False
    stack.template, stack.parameters, stack.fetched, stack.tags = text, parameters, stored, tags
    stack._parse_template()
    stack.description = template.get("Description")
    if kind == "UPDATE":
        _enter(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    change.clean_up()
    stack.output_map = outputs
    for name in [name for name, export in backend.exports.items() if export.exporting_stack_id == stack.stack_id]:
        del backend.exports[name]
    backend.exports.update({export.name: export for export in exports})
    stack.imported = _imported(stack, template)
    _enter(stack, f"{kind}_COMPLETE")
    return True


def _fetched(stack: Any, template: Template, parameters: Mapping[str, Any]) -> dict[str, str]:
    try:
        return looked_up(template, parameters, stack.account_id, stack.region_name)
    except ValidationError as fault:  # deleted after the change set was made
        raise ProvisioningFault("the template", str(fault.message)) from fault


def backend_of(stack: Any) -> Any:
    return models.cloudformation_backends[stack.account_id][stack.region_name]


def _enter(stack: Any, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack.stack_status_reason = reason
    stack._add_stack_event(status, resource_status_reason=reason)
    _in_order(stack)


def _roll_back(stack: Any, kind: str, change: Change, fault: ProvisioningFault) -> None:
    """Say why, put back what was updated, and remove at last what was made: in this order whoever follows the events
    of AWS reads them."""
    way_back = "ROLLBACK" if kind == "CREATE" else "UPDATE_ROLLBACK"
    reason = f"The following resource(s) failed: [{fault}]"
    _enter(stack, f"{way_back}_IN_PROGRESS", reason)
    stuck = change.put_back()
    if kind == "UPDATE" and not stuck:
        _enter(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    stuck += change.take_away()
    if stuck:
        _enter(stack, f"{way_back}_FAILED", f"could not be put back: {'; '.join(stuck)}")
    else:
        _enter(stack, f"{way_back}_COMPLETE", reason)


def _report(stack: Any, name: str, physical: str, kind: str, status: str, reason: str | None) -> None:
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=name,
            physical_resource_id=physical,
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )
    _in_order(stack)


def _in_order(stack: Any) -> None:
    """A millisecond between events at least: the CLI sorts them by time, and AWS takes its time."""
    if len(stack.events) > 1:
        before, last = stack.events[-2:]
        last.timestamp = max(last.timestamp, before.timestamp + timedelta(milliseconds=1))


def _outputs(stack: Any, template: Template) -> OutputMap:
    """The outputs, evaluated now: what cannot be evaluated fails the deploy, not whoever describes the stack."""
    outputs = OutputMap(stack.resource_map, _wanted_outputs(stack, template), stack.stack_id)
    for name in outputs:
        outputs[name]
    return outputs


def _exports(stack: Any, outputs: OutputMap) -> list[Any]:
    """What is exported. Raises when a name is another stack's, or one in use would go or change."""
    exports = list(outputs.exports)
    backend = backend_of(stack)
    for export in exports:
        held = backend.exports.get(export.name)
        if held is not None and held.exporting_stack_id != stack.stack_id:
            raise ValidationError(message=f"Export with name {export.name} is already exported by another stack.")
    _keep_used_exports(stack, {export.name: export.value for export in exports})
    return exports


def _wanted_outputs(stack: Any, template: Template) -> Template:
    conditions = stack.resource_map.lazy_condition_map
    outputs = template.get("Outputs") or {}
    return {
        "Outputs": {
            name: output
            for name, output in outputs.items()
            if "Condition" not in output or conditions[output["Condition"]]
        }
    }


def _keep_used_exports(stack: Any, stay: Mapping[str, Any]) -> None:
    backend = backend_of(stack)
    for name, export in backend.exports.items():
        if export.exporting_stack_id != stack.stack_id or stay.get(name) == export.value:
            continue
        users = [other.name for other in backend.stacks.values() if name in getattr(other, "imported", ())]
        if users:
            verb = "updated" if name in stay else "deleted"
            raise ValidationError(message=f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


def _imported(stack: Any, template: Template) -> frozenset[str]:
    """Names of the exports a stack uses."""
    return frozenset(str(clean_json(name, stack.resource_map)) for name in _import_names(template["Resources"]))


def _import_names(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "Fn::ImportValue":
                yield value
            else:
                yield from _import_names(value)
    elif isinstance(part, list):
        for value in part:
            yield from _import_names(value)


def new_stack(backend: Any, name: str, fields: Mapping[str, Any]) -> Any:
    """A stack with no resources yet, known to the backend."""
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


def _create_stack(self: Any, name: str, template: str, parameters: dict[str, Any] | None = None, **fields: Any) -> Any:
    looked_up(checked(template), parameters or {}, self.account_id, self.region_name)
    if any(stack.name == name for stack in self.stacks.values()):
        raise AlreadyExistsException(f"Stack [{name}] already exists")
    stack = new_stack(self, name, fields)
    deploy(stack, "CREATE", template, dict(parameters or {}), stack.tags)
    return stack


def _update(
    self: Any,
    template: str,
    role_arn: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    checked(template)
    if is_up_to_date(self, template, parameters or {}) and (tags or {}) == self.tags:
        raise ValidationError(message="No updates are to be performed.")
    deploy(self, "UPDATE", template, dict(parameters or {}), tags or {})
    self.role_arn = role_arn


def _resolve_update_parameters(self: Any, instance: Any, incoming_params: list[dict[str, Any]]) -> dict[str, Any]:
    previous = unresolved_parameters(instance) if isinstance(instance, models.Stack) else instance.parameters
    return {
        one["ParameterKey"]: previous[one["ParameterKey"]] if one.get("UsePreviousValue") else one["ParameterValue"]
        for one in incoming_params
    }


def _delete_stack(self: Any, name_or_stack_id: str) -> None:
    for stack in list(self.stacks.values()):
        if name_or_stack_id in (stack.stack_id, stack.name):
            _delete(self, stack)


def _delete(backend: Any, stack: Any) -> None:
    if stack.enable_termination_protection:
        raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    stack.resource_map.report = lambda *step: _report(stack, *step)
    _enter(stack, "DELETE_IN_PROGRESS", "User Initiated")
    try:
        _keep_used_exports(stack, {})
        stack.resource_map.delete()
    except (ProvisioningFault, ValidationError) as fault:
        _enter(stack, "DELETE_FAILED", str(getattr(fault, "message", fault)))
        return
    for name in [name for name, export in backend.exports.items() if export.exporting_stack_id == stack.stack_id]:
        del backend.exports[name]
    stack.template_dict = {}
    stack.output_map = stack._create_output_map()
    stack.imported = frozenset()
    _enter(stack, "DELETE_COMPLETE")
    del backend.stacks[stack.stack_id]
    backend.deleted_stacks[stack.stack_id] = stack
