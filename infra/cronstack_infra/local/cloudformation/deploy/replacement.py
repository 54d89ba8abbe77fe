"""Changes that need a new resource in place of the old one, and the custom names that forbid it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.template import registry
from cronstack_infra.local.cloudformation.template.types import class_of

Properties = Mapping[str, Any]

_SHARED_NAMES: Final = frozenset({"AWS::Route53::HostedZone"})
"""Types of which two resources may have one name."""


def replaced_by(kind: str, old: Properties, new: Properties) -> frozenset[str]:
    """Return the changed properties that need a new resource."""
    found = class_of(kind)
    fixed = registry.create_only(kind) | getattr(found, "create_only", frozenset())
    changed = {name for name in fixed if old.get(name) != new.get(name)}
    further = getattr(found, "replaced_by", None)
    return frozenset(changed | (further(old, new) if further else set()))


def must_replace(kind: str, old: Properties, new: Properties) -> bool:
    """Return whether the change needs a new resource in place of the old one."""
    return not _is_updatable(kind) or bool(replaced_by(kind, old, new))


def check_name(kind: str, old: Properties, new: Properties) -> None:
    """Refuse to replace a resource whose custom name stays: the new one is made while the old one exists.

    Raises ValidationError.
    """
    identity = _identity(kind, new)
    if not identity or any(old.get(name) != new[name] for name in identity):
        return
    name = "|".join(str(new[part]) for part in identity)
    if not replaced_by(kind, old, new):
        raise ValidationError(
            message=f"The local cloud cannot update {kind} in place, and cannot make a second one of the same name."
            f" Rename {name} and update the stack again."
        )
    raise ValidationError(
        message="CloudFormation cannot update a stack when a custom-named resource requires replacing."
        f" Rename {name} and update the stack again."
    )


def _is_updatable(kind: str) -> bool:
    return not hasattr(class_of(kind).update_from_cloudformation_json, "__isabstractmethod__")


def _identity(kind: str, properties: Properties) -> tuple[str, ...]:
    """Return the properties with which the template names the resource; nothing when its name is generated."""
    if kind in _SHARED_NAMES:
        return ()
    primary = registry.primary_identifier(kind)
    if primary and all(name in properties for name in primary):
        return primary
    name = class_of(kind).cloudformation_name_type()
    return (name,) if name in properties else ()
