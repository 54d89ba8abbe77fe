"""A change of all resources of a stack, and how to undo it.

apply(template)  creates and updates one resource after the other, and records how to undo each step
  a fault    ->  undo_updates(), undo_creations(), restore(): the stack has its old state;
                 or the stack keeps its state, and a later change continues from there
  success    ->  clean_up(): replaced and removed resources are deleted last, as CloudFormation does
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.deploy.provision import (
    Definition,
    ProvisioningError,
    Resources,
    StackResource,
    reason_of,
)
from cronstack_infra.local.cloudformation.deploy.replacement import check_name, must_replace
from cronstack_infra.local.cloudformation.template.template import Template, creation_order
from cronstack_infra.local.moto import privates
from cronstack_infra.local.resources.others.custom_resource import CustomResource, NotCreated

Undo = tuple[str, Callable[[], object]]
"""The logical id of a resource, and the function that restores its old state."""
SKIPPED = "Resource skipped during UpdateRollback"
"""The status reason by which the cdk CLI detects an orphaned resource."""


class UndoFailure(NamedTuple):
    """A resource whose update or creation could not be undone."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class StackChange:
    """One change of a stack's resources, and how to undo it."""

    def __init__(self, resources: Resources, *, in_place: bool = False, again: Collection[str] = ()) -> None:
        """``in_place`` refuses replacements. ``again``: resources whose last update failed. They are updated even if
        their definition in the template has not changed."""
        self.failed = ""
        """The resource that failed."""
        self._map = resources
        self._in_place = in_place
        self._again = again
        self._template, self._definitions = privates.template_of(resources), privates.definitions_of(resources)
        self._inputs = dict(resources.input_parameters)
        self._original = dict(resources.existing)
        self._updated: list[Undo] = []
        self._created: list[Undo] = []
        self._replaced: list[tuple[str, StackResource]] = []
        self._remove_retained = False

    def apply(self, template: Template, parameters: dict[str, Any]) -> None:
        """Create and update resources as the template defines. Raise ProvisioningError and keep the finished steps."""
        name = "the template"
        try:
            self._map.load_template(template, parameters)
            for name in creation_order(template["Resources"]):
                if self._map.is_included(name):
                    self._provision(name)
            self._map.existing = {name: self._map.existing[name] for name in self._in_order(template)}
        except Exception as fault:  # of any type: the caller must be able to roll back
            self.failed = name
            verb = "UPDATE" if name in self._original else "CREATE"
            resource_type = template["Resources"].get(name, {}).get("Type")
            if resource_type:
                physical = self._original[name].id if name in self._original else ""
                self._map.report(name, physical, resource_type, f"{verb}_FAILED", reason_of(fault))
            raise ProvisioningError(name, reason_of(fault)) from fault

    def _in_order(self, template: Template) -> list[str]:
        """Return the resources that leave, then the others in order of creation. Deletion goes in reverse order."""
        ordered = creation_order(template["Resources"])
        removed = [name for name in self._map.existing if name not in ordered]
        return [name for name in (*removed, *ordered) if name in self._map.existing]

    def _provision(self, name: str) -> None:
        definition, current = self._map.evaluate(name), self._map.existing.get(name)
        if current is None:
            self._create(name, definition)
        elif current.definition["Type"] != definition["Type"]:
            raise ValidationError(message=f"Update of resource type is not permitted. Resource: {name}")
        elif current.definition["Properties"] == definition["Properties"] and name not in self._again:
            self._map.store(name, current._replace(definition=definition))
        elif must_replace(definition["Type"], current.definition["Properties"], definition["Properties"]):
            if self._in_place:
                raise ValidationError(message="Replacement type updates not supported on stack with disable-rollback.")
            check_name(definition["Type"], current.definition["Properties"], definition["Properties"])
            self._map.report(
                name, current.id, definition["Type"], "UPDATE_IN_PROGRESS", "Requested update requires replacement"
            )
            self._create(name, definition)
            self._replaced.append((name, current))
        else:
            self._update(name, current, definition)

    def _update(self, name: str, current: StackResource, definition: Definition) -> None:
        """Update a resource. Undo starts from the result of the update, or from the old state if the update failed.

        A type removes properties that the new state has and the old definition lacks, so undo needs the new state.
        """
        reached = [current]
        self._updated.append((name, lambda: self._undo_update(name, reached[-1], current)))
        reached.append(self._map.update_resource(name, current, definition))
        self._map.store(name, reached[-1])
        if _is_another(reached[-1], current):
            self._replaced.append((name, current))

    def _undo_update(self, name: str, reached: StackResource, current: StackResource) -> None:
        """Update a resource to its old definition. A custom resource may return another physical id for this, too."""
        restored = self._map.update_resource(name, reached, current.definition)
        if isinstance(restored.resource, CustomResource):
            self._original[name] = restored
            if _is_another(restored, reached):
                self._created.append((name, lambda: self._map.remove(name, reached)))

    def _create(self, name: str, definition: Definition) -> None:
        try:
            created = self._map.create_resource(name, definition)
        except NotCreated as fault:  # its function has to delete its partial work
            left = StackResource(fault.left, definition, fault.left.physical_resource_id)
            self._created.append((name, lambda: self._undo_creation(name, left)))
            raise
        self._created.append((name, lambda: self._undo_creation(name, created)))
        self._map.store(name, created)

    def _undo_creation(self, name: str, created: StackResource) -> None:
        """Remove a created resource, except with Retain. AWS keeps it, too; RetainExceptOnCreate removes it."""
        if created.definition.get("DeletionPolicy") == "Retain" and not self._remove_retained:
            self._map.report(name, created.id, created.definition["Type"], "DELETE_SKIPPED", None)
        else:
            self._map.remove(name, created)

    def undo_updates(self) -> list[UndoFailure]:
        """Undo the updates, the last first. The next call retries those that failed."""
        return _undo_all(self._updated)

    def undo_creations(self, *, retained: bool) -> list[UndoFailure]:
        """Remove created resources, the last first; those with the policy Retain only if ``retained``.

        The next call retries those that failed.
        """
        self._remove_retained = retained
        return _undo_all(self._created)

    @property
    def not_undone(self) -> set[str]:
        """Names of the updated resources whose update has not been undone."""
        return {name for name, _ in self._updated}

    def skip(self, names: Collection[str]) -> None:
        """Exclude resources from the rollback of updates."""
        for name in sorted(self.not_undone.intersection(names)):
            original = self._original[name]
            self._map.report(name, original.id, original.definition["Type"], "UPDATE_COMPLETE", SKIPPED)
        self._updated = [undo for undo in self._updated if undo[0] not in names]

    def restore(self) -> None:
        """Restore the map to its state before the change."""
        for name in list(self._map.existing):
            self._map.store(name, None)
        for name, original in self._original.items():
            self._map.store(name, original)
        if self._definitions:
            self._map.load_template(self._template, self._inputs)
        privates.set_template(self._map, self._template, self._definitions)

    def clean_up(self) -> None:
        """Delete replaced and removed resources. Report faults instead of raising them, as AWS does."""
        removed = [
            (name, original)
            for name, original in self._original.items()
            if name not in privates.definitions_of(self._map) or not self._map.is_included(name)
        ]
        for name, original in reversed(removed):
            self._map.store(name, None)
            self._discard(name, original, "DeletionPolicy")
        for name, original in reversed(self._replaced):
            self._discard(name, original, "UpdateReplacePolicy")

    def _discard(self, name: str, original: StackResource, policy: str) -> None:
        if original.definition.get(policy) in ("Retain", "RetainExceptOnCreate"):
            self._map.report(name, original.id, original.definition["Type"], "DELETE_SKIPPED", None)
            return
        try:
            self._map.remove(name, original)
        except Exception:  # of any type; ``remove`` has reported it. The resource stays, as on AWS
            return


def _is_another(new: StackResource, old: StackResource) -> bool:
    """Return whether an update has replaced a custom resource: its function returned another physical id."""
    return isinstance(new.resource, CustomResource) and new.id != old.id


def _undo_all(steps: list[Undo]) -> list[UndoFailure]:
    """Run all steps, the last first, and keep those that fail."""
    failures = []
    for name, undo in reversed(list(steps)):
        try:
            undo()
        except Exception as fault:  # of any type: the other steps must still run
            failures.append(UndoFailure(name, reason_of(fault)))
        else:
            steps.remove((name, undo))
    return failures
