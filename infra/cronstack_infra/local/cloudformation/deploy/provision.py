"""Provisioning of a stack's resources, in place of moto's ``ResourceMap``.

moto's class creates a resource when it is looked up, so that describing a deleted stack creates its resources again.
It creates in template order, never replaces, does not update dependants of a replaced resource, keeps removed names,
ignores Retain and cannot roll back. ``Resources`` creates, updates and deletes one resource; ``change.Change`` applies
a whole template.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import ResourceMap, clean_json

from cronstack_infra.local.cloudformation.deploy import networks
from cronstack_infra.local.cloudformation.deploy.stack_tags import tagged
from cronstack_infra.local.cloudformation.template import references, registry
from cronstack_infra.local.cloudformation.template.parameters import with_defaults
from cronstack_infra.local.cloudformation.template.template import INTRINSICS, Template
from cronstack_infra.local.cloudformation.template.types import as_moto_expects, class_of, physical_name
from cronstack_infra.local.moto import privates

Definition = dict[str, Any]
"""A resource of the template with all functions evaluated."""
Report = Callable[[str, str, str, str, str | None], None]
"""Callback for each step: logical id, physical id, type, status, reason."""


class StackResource(NamedTuple):
    """An existing resource: its object, the definition that it was created from, and its physical id."""

    resource: Any
    definition: Definition
    id: str


class ProvisioningError(Exception):
    """A resource could not be created, updated or removed."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")


class Resources(ResourceMap):
    """The resources of one stack by logical id. A look-up never creates a resource."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        self.existing: dict[str, StackResource] = {}
        self._expected: set[str] = set()
        self.report: Report = lambda *_: None
        self.stack_tags: dict[str, str] = {}
        super().__init__(*args, **fields)

    def __getitem__(self, name: str) -> Any:
        if name in privates.values_of(self):
            return privates.values_of(self)[name]
        if name in privates.definitions_of(self):
            return None
        raise KeyError(name)

    @property
    def resources(self) -> list[str]:
        return list(self.existing)

    @property
    def account(self) -> str:
        return privates.account_of(self)

    @property
    def region(self) -> str:
        return privates.region_of(self)

    def copy(self) -> Resources:
        """Return the same resources without a template, in order to evaluate another template for them."""
        stack_name = privates.values_of(self)["AWS::StackName"]
        copy = Resources(self.stack_id, stack_name, {}, {}, self.region, self.account, {}, self.cross_stack_resources)
        for name, resource in self.existing.items():
            copy.store(name, resource)
        return copy

    def substitute(self, name: str, resource: Any) -> None:
        """Set the substitute that references resolve to for a resource that does not exist yet."""
        self._expected.add(name)
        privates.values_of(self)[name] = resource

    def has_substitute(self, name: str) -> bool:
        return name in self._expected

    def unevaluated(self, name: str) -> Definition:
        """Return the definition of a resource in the template, unevaluated; empty if the template lacks it."""
        definition: Definition = privates.definitions_of(self).get(name, {})
        return definition

    def delete(self) -> None:
        """Delete all resources without Retain, the last created first. Raise ProvisioningError if one fails."""
        for name in reversed(list(self.existing)):
            if self.existing[name].definition.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
                try:
                    self.remove(name, self.existing[name])
                except Exception as fault:  # of any type: moto's classes raise many
                    raise ProvisioningError(name, reason_of(fault)) from fault
            del self.existing[name]
            privates.values_of(self).pop(name, None)
        privates.set_definitions(self, {})

    def load_template(self, template: Template, parameters: dict[str, Any]) -> None:
        """Set the template and evaluate its parameters, mappings and conditions."""
        privates.set_template(self, template, template["Resources"])
        self.input_parameters = with_defaults(template, parameters)
        for name in self.resolved_parameters:
            privates.values_of(self).pop(name, None)
        self.resolved_parameters = {}
        self.load_mapping()
        self.load_parameters()
        self.resolved_parameters = references.with_parameters(
            self.resolved_parameters, self.account, self.region, "Parameters"
        )
        privates.values_of(self).update(self.resolved_parameters)
        self.load_conditions()

    def is_included(self, name: str) -> bool:
        condition = privates.definitions_of(self)[name].get("Condition")
        return condition is None or bool(self.lazy_condition_map[condition])

    def evaluate(self, name: str) -> Definition:
        definition: Definition = clean_json({"Properties": {}, **privates.definitions_of(self)[name]}, self)
        if (function := _unresolved_function(definition["Properties"])) is not None:
            raise ValidationError(message=f"Template error: {function} of resource {name} cannot be resolved")
        definition["Properties"] = references.with_parameters(
            definition["Properties"], self.account, self.region, f"{definition['Type']}/Properties"
        )
        registry.validate(name, definition["Type"], definition["Properties"])
        definition["Properties"] = tagged(definition["Type"], definition["Properties"], self.stack_tags)
        return definition

    def _with_secrets(self, name: str, definition: Definition) -> Definition:
        """Return the definition with its secrets, for the resource's class. The stored one has references instead."""
        resolved = {**definition, "Properties": references.with_secrets(definition["Properties"], self.region)}
        registry.validate(name, resolved["Type"], resolved["Properties"])
        return resolved

    def store(self, name: str, current: StackResource | None) -> None:
        if current is None:
            self.existing.pop(name, None)
            privates.values_of(self).pop(name, None)
        else:
            self.existing[name] = current
            privates.values_of(self)[name] = current.resource

    def create_resource(self, name: str, definition: Definition) -> StackResource:
        """Create a resource."""
        kind, stack_name = definition["Type"], privates.values_of(self)["AWS::StackName"]
        self.report(name, "", kind, "CREATE_IN_PROGRESS", None)
        resolved = self._with_secrets(name, definition)
        physical = physical_name(kind, resolved["Properties"], stack_name, name)
        resource = class_of(kind).create_from_cloudformation_json(
            physical,
            as_moto_expects(resolved, physical),
            self.account,
            self.region,
            LogicalId=name,
            StackId=self.stack_id,
            ResourceType=kind,
        )
        return self._completed(name, resource, definition, "CREATE_COMPLETE")

    def update_resource(self, name: str, current: StackResource, definition: Definition) -> StackResource:
        """Update a resource in place."""
        kind = definition["Type"]
        self.report(name, current.id, kind, "UPDATE_IN_PROGRESS", None)
        resource = class_of(kind).update_from_cloudformation_json(
            original_resource=current.resource,
            new_resource_name=re.split("[:/]", current.id)[-1] if current.id.startswith("arn:") else current.id,
            cloudformation_json=as_moto_expects(self._with_secrets(name, definition), current.id),
            account_id=self.account,
            region_name=self.region,
        )
        return self._completed(name, resource, definition, "UPDATE_COMPLETE")

    def _completed(self, name: str, resource: Any, definition: Definition, status: str) -> StackResource:
        resource.cf_resource_type = definition["Type"]
        resource.logical_resource_id = name
        current = StackResource(resource, definition, str(getattr(resource, "physical_resource_id", "")))
        self.report(name, current.id, definition["Type"], status, None)
        return current

    def remove(self, name: str, current: StackResource) -> None:
        """Delete a resource. A resource that no longer exists counts as deleted."""
        kind = current.definition["Type"]
        self.report(name, current.id, kind, "DELETE_IN_PROGRESS", None)
        try:
            if not networks.remove(kind, current.resource, self.account, self.region):
                privates.delete_resource(self, current.resource, current.definition)
        except Exception as fault:  # of any type: moto's classes raise many
            if not _is_not_found(fault):
                self.report(name, current.id, kind, "DELETE_FAILED", reason_of(fault))
                raise
        self.report(name, current.id, kind, "DELETE_COMPLETE", None)


def reason_of(fault: Exception) -> str:
    """Return the message of an exception, without JSON, and its type unless it is a ValidationError."""
    message = getattr(fault, "message", None) or str(fault)
    return str(message) if isinstance(fault, ValidationError) else f"{message} ({type(fault).__name__})"


def _is_not_found(fault: Exception) -> bool:
    code = f"{type(fault).__name__} {getattr(fault, 'error_type', '')} {getattr(fault, 'code', '')}"
    return any(word in code for word in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist"))


def _unresolved_function(part: Any) -> str | None:
    """Return a function that moto has not evaluated: moto only logs a warning. None without one."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in INTRINSICS and len(part) == 1:
                return f"{key} {value}"
            if (inner := _unresolved_function(value)) is not None:
                return inner
    elif isinstance(part, list):
        for value in part:
            if (inner := _unresolved_function(value)) is not None:
                return inner
    return None
