"""The changes that a template would make in a stack, computed without making them.

Properties are evaluated as in a deployment. Values of resources that do not exist yet are KNOWN_AFTER_APPLY. AWS lists
every property that refers to a changed resource; this plan lists only those whose value changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from moto.cloudformation.parsing import clean_json
from moto.core.exceptions import ServiceException

from cronstack_infra.local.cloudformation.deploy.provision import Definition, Resources, StackResource
from cronstack_infra.local.cloudformation.deploy.replacement import must_replace, replaced_by
from cronstack_infra.local.cloudformation.deploy.stack_tags import tagged
from cronstack_infra.local.cloudformation.template import references
from cronstack_infra.local.cloudformation.template.template import SUBSTITUTED, Template, creation_order

KNOWN_AFTER_APPLY: Final = "{{changeSet:KNOWN_AFTER_APPLY}}"
ATTRIBUTES: Final[tuple[str, ...]] = (
    "Metadata",
    "CreationPolicy",
    "UpdatePolicy",
    "DeletionPolicy",
    "UpdateReplacePolicy",
)
"""Attributes of a resource outside its properties, which an update may change alone."""


class ChangeCause(NamedTuple):
    """The cause of a property's change: ChangeSource and CausingEntity of the API."""

    source: str | None
    entity: str | None = None


@dataclass(frozen=True)
class Difference:
    """One property or attribute of a resource that changes."""

    attribute: str
    name: str | None
    before: Any
    after: Any
    recreation: str
    cause: ChangeCause


@dataclass(frozen=True)
class PlannedChange:
    """The change that a deployment would make to one resource."""

    action: str
    name: str
    kind: str
    physical: str | None
    replace: bool
    before: Definition
    after: Definition
    differences: tuple[Difference, ...]


class _NotCreated:
    """A resource that does not exist yet."""

    physical_resource_id = KNOWN_AFTER_APPLY

    def get_cfn_attribute(self, _: str) -> str:
        return KNOWN_AFTER_APPLY


def plan_changes(
    resources: Resources, template: Template, parameters: dict[str, Any], tags: dict[str, str]
) -> tuple[Resources, list[PlannedChange]]:
    """Return the future resources, and the changes. Raise ValidationError for an invalid template."""
    future = resources.copy()
    future.stack_tags = tags
    future.load_template(template, parameters)
    changes = [
        change for name in creation_order(template["Resources"]) if (change := _plan_resource(resources, future, name))
    ]
    for name, current in resources.existing.items():
        if name not in template["Resources"] or not future.is_included(name):
            changes.append(_change("Remove", name, current, current.definition, {}))
    return future, changes


def _plan_resource(resources: Resources, future: Resources, name: str) -> PlannedChange | None:
    if not future.is_included(name):
        return None
    current, after = resources.existing.get(name), _evaluated(future, name)
    if current is None:
        future.substitute(name, _NotCreated())
        return _change("Add", name, None, {}, after)
    differences = tuple(_differences(resources, future, name, current.definition, after))
    if not differences:
        return None
    change = _change("Modify", name, current, current.definition, after, differences)
    if change.replace:
        future.substitute(name, _NotCreated())
    return change


def _change(
    action: str,
    name: str,
    current: StackResource | None,
    before: Definition,
    after: Definition,
    differences: tuple[Difference, ...] = (),
) -> PlannedChange:
    changed = any(difference.attribute in ("Properties", "Tags") for difference in differences)
    replace = changed and must_replace(after["Type"], before["Properties"], after["Properties"])
    kind, physical = (after or before)["Type"], current.id if current else None
    return PlannedChange(action, name, kind, physical, replace, before, after, differences)


def _evaluated(future: Resources, name: str) -> Definition:
    """Return the definition, evaluated as far as possible before the deployment."""
    definition = future.unevaluated(name)
    properties = {key: _value(future, value) for key, value in (definition.get("Properties") or {}).items()}
    properties = {key: value for key, value in properties.items() if value is not None}
    properties = tagged(definition["Type"], properties, future.stack_tags)
    attributes = {key: _value(future, definition[key]) for key in ATTRIBUTES if key in definition}
    return {"Type": definition["Type"], "Properties": properties, **attributes}


def _value(future: Resources, part: Any) -> Any:
    try:
        value = clean_json(part, future)
        return references.with_parameters(value, future.account, future.region, "Properties")
    except (ServiceException, LookupError, AttributeError, TypeError):  # a function of a value that is not known yet
        return KNOWN_AFTER_APPLY


def _differences(
    resources: Resources, future: Resources, name: str, before: Definition, after: Definition
) -> Iterator[Difference]:
    old, new = before["Properties"], after["Properties"]
    causes = replaced_by(after["Type"], old, new)
    replaced_whole = not causes and old != new and must_replace(after["Type"], old, new)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        recreation = "Always" if key in causes or replaced_whole else "Never"
        cause = _cause(resources, future, name, key)
        if key == "Tags" and cause.source is None:
            yield Difference("Tags", None, old.get(key), new.get(key), recreation, ChangeCause("DirectModification"))
        else:
            yield Difference("Properties", key, old.get(key), new.get(key), recreation, cause)
    for key in ATTRIBUTES:
        if before.get(key) != after.get(key):
            yield Difference(key, None, before.get(key), after.get(key), "Never", ChangeCause("DirectModification"))


def _cause(resources: Resources, future: Resources, name: str, key: str) -> ChangeCause:
    """Return the cause of a property's change; no source if neither the template nor a reference changes it."""
    old, new = ((side.unevaluated(name).get("Properties") or {}).get(key) for side in (resources, future))
    if old != new:
        return ChangeCause("DirectModification")
    for entity, attribute in _references(new):
        if entity in future.resolved_parameters:
            if future.resolved_parameters[entity] != resources.resolved_parameters.get(entity):
                return ChangeCause("ParameterReference", entity)
        elif future.has_substitute(entity):
            source = "ResourceAttribute" if attribute else "ResourceReference"
            return ChangeCause(source, f"{entity}.{attribute}" if attribute else entity)
    return ChangeCause(None)


def _references(part: Any) -> Iterator[tuple[str, str]]:
    """Yield the logical id and attribute of each reference in a part of a template; no attribute for a Ref."""
    if isinstance(part, list):
        for value in part:
            yield from _references(value)
    elif isinstance(part, Mapping):
        for key, value in part.items():
            if key == "Ref":
                yield str(value), ""
            elif key == "Fn::GetAtt":
                first, _, rest = value.partition(".") if isinstance(value, str) else (value[0], "", value[1])
                yield first, str(rest)
            elif key == "Fn::Sub":
                yield from _substituted(value)
            else:
                yield from _references(value)


def _substituted(value: Any) -> Iterator[tuple[str, str]]:
    text, variables = (value, {}) if isinstance(value, str) else value
    for name in SUBSTITUTED.findall(text):
        first, _, rest = name.partition(".")
        yield first, rest
    yield from _references(variables)
