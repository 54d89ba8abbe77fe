"""What becomes of a stack's resources: created in order of dependence, updated, replaced, removed, or all put back.

This takes the place of moto's ``ResourceMap``, which creates whatever is looked at (so a destroyed stack rises
again when its outputs are described), adds in template order, never replaces, does not re-evaluate what refers to a
replaced resource, keeps a removed name as if it still existed, ignores Retain there, and cannot roll back.

``Resources`` makes, alters and removes one resource; ``change.Change`` does so for a whole template.
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
from cronstack_infra.local.cloudformation.template.parameters import whole
from cronstack_infra.local.cloudformation.template.template import INTRINSICS, Template
from cronstack_infra.local.cloudformation.template.types import as_moto_wants, class_of, physical_name
from cronstack_infra.local.moto import privates

Definition = dict[str, Any]
"""A resource of the template with everything in it evaluated."""
Report = Callable[[str, str, str, str, str | None], None]
"""Told of each step: logical id, physical id, type, status, reason."""


class Held(NamedTuple):
    """A resource that exists: what moto (or we) made of it, and the definition it was made from."""

    resource: Any
    definition: Definition
    id: str


class ProvisioningFault(Exception):
    """A resource could not be created, updated or removed."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")


class Resources(ResourceMap):
    """The resources of one stack by logical name. Looking at one never creates it."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        self.held: dict[str, Held] = {}
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
        return list(self.held)

    @property
    def account(self) -> str:
        return privates.account_of(self)

    @property
    def region(self) -> str:
        return privates.region_of(self)

    def copied(self) -> Resources:
        """Return the same resources without a template: to evaluate another one over them."""
        name = privates.values_of(self)["AWS::StackName"]
        copied = Resources(self.stack_id, name, {}, {}, self.region, self.account, {}, self.cross_stack_resources)
        for held_name, held in self.held.items():
            copied.hold(held_name, held)
        return copied

    def expect(self, name: str, resource: Any) -> None:
        """Let references to a name find what a deployment has still to make."""
        self._expected.add(name)
        privates.values_of(self)[name] = resource

    def is_expected(self, name: str) -> bool:
        return name in self._expected

    def written(self, name: str) -> Definition:
        """Return a resource as the template has it; empty when the template does not have it."""
        found: Definition = privates.definitions_of(self).get(name, {})
        return found

    def delete(self) -> None:
        """Remove all but what is to be retained, the last created first. Raises ProvisioningFault."""
        for name in reversed(list(self.held)):
            if self.held[name].definition.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
                try:
                    self.remove(name, self.held[name])
                except Exception as fault:  # moto's classes raise what they like
                    raise ProvisioningFault(name, reason_of(fault)) from fault
            del self.held[name]
            privates.values_of(self).pop(name, None)
        privates.set_definitions(self, {})

    def load_template(self, template: Template, parameters: dict[str, Any]) -> None:
        """Take a template and evaluate its parameters, mappings and conditions."""
        privates.set_template(self, template, template["Resources"])
        self.input_parameters = whole(template, parameters)
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

    def is_wanted(self, name: str) -> bool:
        condition = privates.definitions_of(self)[name].get("Condition")
        return condition is None or bool(self.lazy_condition_map[condition])

    def evaluate(self, name: str) -> Definition:
        definition: Definition = clean_json({"Properties": {}, **privates.definitions_of(self)[name]}, self)
        if (left := _left_over(definition["Properties"])) is not None:
            raise ValidationError(message=f"Template error: {left} of resource {name} cannot be resolved")
        definition["Properties"] = references.with_parameters(
            definition["Properties"], self.account, self.region, f"{definition['Type']}/Properties"
        )
        registry.judge(name, definition["Type"], definition["Properties"])
        definition["Properties"] = tagged(definition["Type"], definition["Properties"], self.stack_tags)
        return definition

    def _with_secrets(self, name: str, definition: Definition) -> Definition:
        """What the class is given; the definition that is held keeps the references, and no secret."""
        whole = {**definition, "Properties": references.with_secrets(definition["Properties"], self.region)}
        registry.judge(name, whole["Type"], whole["Properties"])
        return whole

    def hold(self, name: str, held: Held | None) -> None:
        if held is None:
            self.held.pop(name, None)
            privates.values_of(self).pop(name, None)
        else:
            self.held[name] = held
            privates.values_of(self)[name] = held.resource

    def make(self, name: str, definition: Definition) -> Held:
        """Create a resource."""
        kind, stack = definition["Type"], privates.values_of(self)["AWS::StackName"]
        self.report(name, "", kind, "CREATE_IN_PROGRESS", None)
        given = self._with_secrets(name, definition)
        physical = physical_name(kind, given["Properties"], stack, name)
        resource = class_of(kind).create_from_cloudformation_json(
            physical,
            as_moto_wants(given, physical),
            self.account,
            self.region,
            LogicalId=name,
            StackId=self.stack_id,
            ResourceType=kind,
        )
        return self._made(name, resource, definition, "CREATE_COMPLETE")

    def alter(self, name: str, held: Held, definition: Definition) -> Held:
        """Update a resource in place."""
        kind = definition["Type"]
        self.report(name, held.id, kind, "UPDATE_IN_PROGRESS", None)
        resource = class_of(kind).update_from_cloudformation_json(
            original_resource=held.resource,
            new_resource_name=re.split("[:/]", held.id)[-1] if held.id.startswith("arn:") else held.id,
            cloudformation_json=as_moto_wants(self._with_secrets(name, definition), held.id),
            account_id=self.account,
            region_name=self.region,
        )
        return self._made(name, resource, definition, "UPDATE_COMPLETE")

    def _made(self, name: str, resource: Any, definition: Definition, status: str) -> Held:
        resource.cf_resource_type = definition["Type"]
        resource.logical_resource_id = name
        held = Held(resource, definition, str(getattr(resource, "physical_resource_id", "")))
        self.report(name, held.id, definition["Type"], status, None)
        return held

    def remove(self, name: str, held: Held) -> None:
        """Delete a resource; one that is gone already counts as deleted."""
        kind = held.definition["Type"]
        self.report(name, held.id, kind, "DELETE_IN_PROGRESS", None)
        try:
            if not networks.remove(kind, held.resource, self.account, self.region):
                privates.delete_resource(self, held.resource, held.definition)
        except Exception as fault:  # moto's classes raise what they like
            if not _says_gone(fault):
                self.report(name, held.id, kind, "DELETE_FAILED", reason_of(fault))
                raise
        self.report(name, held.id, kind, "DELETE_COMPLETE", None)


def reason_of(fault: Exception) -> str:
    """What an exception of moto's says, without the class or the JSON around it."""
    said = getattr(fault, "message", None) or str(fault)
    return str(said) if isinstance(fault, ValidationError) else f"{said} ({type(fault).__name__})"


def _says_gone(fault: Exception) -> bool:
    code = f"{type(fault).__name__} {getattr(fault, 'error_type', '')} {getattr(fault, 'code', '')}"
    return any(word in code for word in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist"))


def _left_over(part: Any) -> str | None:
    """A function moto did not evaluate (it logs a warning and goes on)."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in INTRINSICS and len(part) == 1:
                return f"{key} {value}"
            if (inner := _left_over(value)) is not None:
                return inner
    elif isinstance(part, list):
        for value in part:
            if (inner := _left_over(value)) is not None:
                return inner
    return None
