"""What a template would change in a stack, worked out without changing anything.

Properties are evaluated as a deployment evaluates them. What a new resource alone can tell is KNOWN_AFTER_APPLY.
AWS lists every property that refers to a changed resource; only those whose value changes are listed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from moto.cloudformation.parsing import clean_json
from moto.core.exceptions import ServiceException

from cronstack_infra.local.cloudformation.deploy.provision import Definition, Held, Resources
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
"""What a resource has beside its properties, and what an update may change alone."""


class Cause(NamedTuple):
    """Why a property changes: ChangeSource and CausingEntity of the API."""

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
    cause: Cause


@dataclass(frozen=True)
class PlannedChange:
    """What a deployment would do with one resource."""

    action: str
    name: str
    kind: str
    physical: str | None
    replace: bool
    before: Definition
    after: Definition
    differences: tuple[Difference, ...]


class _Unmade:
    """A resource that does not exist yet."""

    physical_resource_id = KNOWN_AFTER_APPLY

    def get_cfn_attribute(self, _: str) -> str:
        return KNOWN_AFTER_APPLY


def planned(
    resources: Resources, template: Template, parameters: dict[str, Any], tags: dict[str, str]
) -> tuple[Resources, list[PlannedChange]]:
    """Return the changes, and the resources as they would be. Raises ValidationError for a template without sense."""
    future = resources.copied()
    future.stack_tags = tags
    future.load_template(template, parameters)
    changes = [change for name in creation_order(template["Resources"]) if (change := _of_one(resources, future, name))]
    for name, held in resources.held.items():
        if name not in template["Resources"] or not future.is_wanted(name):
            changes.append(_change("Remove", name, held, held.definition, {}))
    return future, changes


def _of_one(resources: Resources, future: Resources, name: str) -> PlannedChange | None:
    if not future.is_wanted(name):
        return None
    held, after = resources.held.get(name), _foreseen(future, name)
    if held is None:
        future.expect(name, _Unmade())
        return _change("Add", name, None, {}, after)
    differences = tuple(_differences(resources, future, name, held.definition, after))
    if not differences:
        return None
    change = _change("Modify", name, held, held.definition, after, differences)
    if change.replace:
        future.expect(name, _Unmade())
    return change


def _change(
    action: str,
    name: str,
    held: Held | None,
    before: Definition,
    after: Definition,
    differences: tuple[Difference, ...] = (),
) -> PlannedChange:
    changed = any(one.attribute in ("Properties", "Tags") for one in differences)
    replace = changed and must_replace(after["Type"], before["Properties"], after["Properties"])
    kind, physical = (after or before)["Type"], held.id if held else None
    return PlannedChange(action, name, kind, physical, replace, before, after, differences)


def _foreseen(future: Resources, name: str) -> Definition:
    """Return the definition as far as it can be evaluated now."""
    written = future.written(name)
    properties = {key: _value(future, value) for key, value in (written.get("Properties") or {}).items()}
    properties = {key: value for key, value in properties.items() if value is not None}
    properties = tagged(written["Type"], properties, future.stack_tags)
    attributes = {key: _value(future, written[key]) for key in ATTRIBUTES if key in written}
    return {"Type": written["Type"], "Properties": properties, **attributes}


def _value(future: Resources, part: Any) -> Any:
    try:
        value = clean_json(part, future)
        return references.with_parameters(value, future.account, future.region, "Properties")
    except (ServiceException, LookupError, AttributeError, TypeError):  # a function of a value not known yet
        return KNOWN_AFTER_APPLY


def _differences(
    resources: Resources, future: Resources, name: str, before: Definition, after: Definition
) -> Iterator[Difference]:
    old, new = before["Properties"], after["Properties"]
    fixed = replaced_by(after["Type"], old, new)
    replaced = not fixed and old != new and must_replace(after["Type"], old, new)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        recreation = "Always" if key in fixed or replaced else "Never"
        cause = _cause(resources, future, name, key)
        if key == "Tags" and cause.source is None:
            yield Difference("Tags", None, old.get(key), new.get(key), recreation, Cause("DirectModification"))
        else:
            yield Difference("Properties", key, old.get(key), new.get(key), recreation, cause)
    for key in ATTRIBUTES:
        if before.get(key) != after.get(key):
            yield Difference(key, None, before.get(key), after.get(key), "Never", Cause("DirectModification"))


def _cause(resources: Resources, future: Resources, name: str, key: str) -> Cause:
    """Return why a property changes; no source when neither the template nor what it refers to changes it."""
    is_written = [(where.written(name).get("Properties") or {}).get(key) for where in (resources, future)]
    if is_written[0] != is_written[1]:
        return Cause("DirectModification")
    for entity, attribute in _mentioned(is_written[1]):
        if entity in future.resolved_parameters:
            if future.resolved_parameters[entity] != resources.resolved_parameters.get(entity):
                return Cause("ParameterReference", entity)
        elif future.is_expected(entity):
            source = "ResourceAttribute" if attribute else "ResourceReference"
            return Cause(source, f"{entity}.{attribute}" if attribute else entity)
    return Cause(None)


def _mentioned(part: Any) -> Iterator[tuple[str, str]]:
    """Return name and attribute of what a part of a template refers to; no attribute for a Ref."""
    if isinstance(part, list):
        for value in part:
            yield from _mentioned(value)
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
                yield from _mentioned(value)


def _substituted(value: Any) -> Iterator[tuple[str, str]]:
    text, given = (value, {}) if isinstance(value, str) else value
    for name in SUBSTITUTED.findall(text):
        first, _, rest = name.partition(".")
        yield first, rest
    yield from _mentioned(given)
