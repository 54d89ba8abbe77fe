"""Changes that replace a resource by a new one, and the custom names that prevent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.template import registry
from cronstack_infra.local.cloudformation.template.types import class_of

Properties = Mapping[str, Any]

_SHARED_NAMES: Final = frozenset({"AWS::Route53::HostedZone"})
"""Types whose names are not unique."""


def replaced_by(kind: str, old: Properties, new: Properties) -> frozenset[str]:
    """Return the changed properties that need a new resource."""
    resource_class = class_of(kind)
    create_only = registry.create_only(kind) | getattr(resource_class, "create_only", frozenset())
    changed = {name for name in create_only if old.get(name) != new.get(name)}
    class_rule = getattr(resource_class, "replaced_by", None)
    return frozenset(changed | (class_rule(old, new) if class_rule else set()))


def must_replace(kind: str, old: Properties, new: Properties) -> bool:
    """Return whether the change must replace the resource."""
    return not _is_updatable(kind) or bool(replaced_by(kind, old, new))


def check_name(kind: str, old: Properties, new: Properties) -> None:
    """Raise ValidationError if a replaced resource keeps its custom name: it is created while the old one exists."""
    identity = _identity(kind, new)
    if not identity or any(old.get(name) != new[name] for name in identity):
        return
    name = "|".join(str(new[part]) for part in identity)
    if not replaced_by(kind, old, new):
        raise ValidationError(
            message=f"The local cloud cannot update {kind} in place, and cannot create a second one of the same name."
            f" Rename {name} and update the stack again."
        )
    raise ValidationError(
        message="CloudFormation cannot update a stack when a custom-named resource requires replacing."
        f" Rename {name} and update the stack again."
    )


def _is_updatable(kind: str) -> bool:
    return not hasattr(class_of(kind).update_from_cloudformation_json, "__isabstractmethod__")


def _identity(kind: str, properties: Properties) -> tuple[str, ...]:
    """Return the properties with the resource's custom name; empty if its name is generated."""
    if kind in _SHARED_NAMES:
        return ()
    primary = registry.primary_identifier(kind)
    if primary and all(name in properties for name in primary):
        return primary
    name = class_of(kind).cloudformation_name_type()
    return (name,) if name in properties else ()
