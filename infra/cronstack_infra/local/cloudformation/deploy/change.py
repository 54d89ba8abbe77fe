"""A change of all resources of a stack, with its way back.

apply(template)  creates and updates, one after the other, each with its way back in a journal
  a fault    ->  put_back() what was updated, take_away() what was made, restore() the map: the old state stands;
                 or all stays as it is, and a later change goes on from there
  all well   ->  clean_up(): what was replaced or removed goes last, as CloudFormation does it
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.deploy.provision import (
    Definition,
    Held,
    ProvisioningFault,
    Resources,
    reason_of,
)
from cronstack_infra.local.cloudformation.deploy.replacement import check_name, must_replace
from cronstack_infra.local.cloudformation.template.template import Template, creation_order
from cronstack_infra.local.moto import privates
from cronstack_infra.local.resources.others.custom_resource import CustomResource, NotCreated

WayBack = tuple[str, Callable[[], object]]
"""The logical id, and what brings it back to what it was."""
SKIPPED = "Resource skipped during UpdateRollback"
"""The reason by which the cdk CLI knows an orphaned resource."""


class Stuck(NamedTuple):
    """A resource that could not be put back or removed."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class Change:
    """One change of a stack's resources, with its way back."""

    def __init__(self, resources: Resources, *, in_place: bool = False, again: Collection[str] = ()) -> None:
        """``in_place`` refuses replacements. ``again`` are resources whose last update failed: they are updated even
        when the template wants what they had."""
        self.failed = ""
        """The resource at which it broke off."""
        self._map = resources
        self._in_place = in_place
        self._again = again
        self._template, self._definitions = privates.template_of(resources), privates.definitions_of(resources)
        self._inputs = dict(resources.input_parameters)
        self._held = dict(resources.held)
        self._updated: list[WayBack] = []
        self._made: list[WayBack] = []
        self._replaced: list[tuple[str, Held]] = []
        self._remove_retained = False

    def apply(self, template: Template, parameters: dict[str, Any]) -> None:
        """Create and update what the template wants. Raises ProvisioningFault; what was done stays."""
        name = "the template"
        try:
            self._map.load_template(template, parameters)
            for name in creation_order(template["Resources"]):
                if self._map.is_wanted(name):
                    self._settle(name)
            self._map.held = {name: self._map.held[name] for name in self._in_order(template)}
        except Exception as fault:  # whatever it was, there must be a way back
            self.failed = name
            verb = "UPDATE" if name in self._held else "CREATE"
            kind = template["Resources"].get(name, {}).get("Type")
            if kind:
                physical = self._held[name].id if name in self._held else ""
                self._map.report(name, physical, kind, f"{verb}_FAILED", reason_of(fault))
            raise ProvisioningFault(name, reason_of(fault)) from fault

    def _in_order(self, template: Template) -> list[str]:
        """Those that stay in order of creation, before them those that go: they are removed the other way round."""
        ordered = creation_order(template["Resources"])
        leaving = [name for name in self._map.held if name not in ordered]
        return [name for name in (*leaving, *ordered) if name in self._map.held]

    def _settle(self, name: str) -> None:
        definition, held = self._map.evaluate(name), self._map.held.get(name)
        if held is None:
            self._make(name, definition)
        elif held.definition["Type"] != definition["Type"]:
            raise ValidationError(message=f"Update of resource type is not permitted. Resource: {name}")
        elif held.definition["Properties"] == definition["Properties"] and name not in self._again:
            self._map.hold(name, held._replace(definition=definition))
        elif must_replace(definition["Type"], held.definition["Properties"], definition["Properties"]):
            if self._in_place:
                raise ValidationError(message="Replacement type updates not supported on stack with disable-rollback.")
            check_name(definition["Type"], held.definition["Properties"], definition["Properties"])
            self._map.report(
                name, held.id, definition["Type"], "UPDATE_IN_PROGRESS", "Requested update requires replacement"
            )
            self._make(name, definition)
            self._replaced.append((name, held))
        else:
            self._alter(name, held, definition)

    def _alter(self, name: str, held: Held, definition: Definition) -> None:
        """The way back begins at what the update has made (a type takes away what it finds there and not in the old
        definition), and where it broke off at what was held."""
        reached = [held]
        self._updated.append((name, lambda: self._alter_back(name, reached[-1], held)))
        reached.append(self._map.alter(name, held, definition))
        self._map.hold(name, reached[-1])
        if _is_another(reached[-1], held):
            self._replaced.append((name, held))

    def _alter_back(self, name: str, reached: Held, held: Held) -> None:
        """Update a resource back. A custom resource may answer this, too, with another physical id."""
        back = self._map.alter(name, reached, held.definition)
        if isinstance(back.resource, CustomResource):
            self._held[name] = back
            if _is_another(back, reached):
                self._made.append((name, lambda: self._map.remove(name, reached)))

    def _make(self, name: str, definition: Definition) -> None:
        try:
            made = self._map.make(name, definition)
        except NotCreated as fault:  # its function has to delete what it has made so far
            left = Held(fault.left, definition, fault.left.physical_resource_id)
            self._made.append((name, lambda: self._unmake(name, left)))
            raise
        self._made.append((name, lambda: self._unmake(name, made)))
        self._map.hold(name, made)

    def _unmake(self, name: str, made: Held) -> None:
        """On AWS, too, a rolled back resource stays with Retain; RetainExceptOnCreate was made for that."""
        if made.definition.get("DeletionPolicy") == "Retain" and not self._remove_retained:
            self._map.report(name, made.id, made.definition["Type"], "DELETE_SKIPPED", None)
        else:
            self._map.remove(name, made)

    def put_back(self) -> list[Stuck]:
        """Update back what was updated, the last first. What could not be is tried again at the next call."""
        return _go_back(self._updated)

    def take_away(self, *, retained: bool) -> list[Stuck]:
        """Remove what was made, the last first; what has the policy Retain only if ``retained``. What could not be
        removed is tried again at the next call."""
        self._remove_retained = retained
        return _go_back(self._made)

    @property
    def not_put_back(self) -> set[str]:
        """Names of what was updated and not put back so far."""
        return {name for name, _ in self._updated}

    def skip(self, names: Collection[str]) -> None:
        """Leave resources as they are, instead of going back with them."""
        for name in sorted(self.not_put_back.intersection(names)):
            held = self._held[name]
            self._map.report(name, held.id, held.definition["Type"], "UPDATE_COMPLETE", SKIPPED)
        self._updated = [way for way in self._updated if way[0] not in names]

    def restore(self) -> None:
        """Make the map what it was before the change."""
        for name in list(self._map.held):
            self._map.hold(name, None)
        for name, held in self._held.items():
            self._map.hold(name, held)
        if self._definitions:
            self._map.load_template(self._template, self._inputs)
        privates.set_template(self._map, self._template, self._definitions)

    def clean_up(self) -> None:
        """Remove what was replaced and what the template no longer has. Faults are reported, not raised, as on AWS."""
        gone = [
            (name, held)
            for name, held in self._held.items()
            if name not in privates.definitions_of(self._map) or not self._map.is_wanted(name)
        ]
        for name, held in reversed(gone):
            self._map.hold(name, None)
            self._discard(name, held, "DeletionPolicy")
        for name, held in reversed(self._replaced):
            self._discard(name, held, "UpdateReplacePolicy")

    def _discard(self, name: str, held: Held, policy: str) -> None:
        if held.definition.get(policy) in ("Retain", "RetainExceptOnCreate"):
            self._map.report(name, held.id, held.definition["Type"], "DELETE_SKIPPED", None)
            return
        try:
            self._map.remove(name, held)
        except Exception:  # reported by remove; what is to go stays, as on AWS
            return


def _is_another(new: Held, old: Held) -> bool:
    """Return whether an update has replaced a custom resource: its function answered with another physical id."""
    return isinstance(new.resource, CustomResource) and new.id != old.id


def _go_back(ways: list[WayBack]) -> list[Stuck]:
    """Go all ways back, the last first, and keep those that fail."""
    stuck = []
    for name, way_back in reversed(list(ways)):
        try:
            way_back()
        except Exception as fault:  # the rest is to be put back all the same
            stuck.append(Stuck(name, reason_of(fault)))
        else:
            ways.remove((name, way_back))
    return stuck
