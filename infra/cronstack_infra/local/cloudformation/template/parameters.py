"""Parameters of a template: judged when a stack or change set is made, and whole before moto resolves them.

moto judges none, and takes the default of a list as one text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.template.template import Template


def whole(template: Template, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, and the defaults of the rest. Raises ValidationError as AWS does."""
    slots: Mapping[str, Any] = template.get("Parameters") or {}
    strange = sorted(set(given) - set(slots))
    if strange:
        raise ValidationError(message=f"Parameters: [{', '.join(strange)}] do not exist in the template")
    values = {name: str(slot["Default"]) for name, slot in slots.items() if "Default" in slot} | dict(given)
    missing = sorted(set(slots) - set(values))
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for name, slot in slots.items():
        fault = next(_faults(name, slot, str(values[name])), None)
        if fault is not None and "ConstraintDescription" in slot:
            fault = f"Parameter {name} failed to satisfy constraint: {slot['ConstraintDescription']}"
        if fault is not None:
            raise ValidationError(message=fault)
    return values


def hidden_names(template: Template) -> set[str]:
    """Return the names of the parameters that are not to be shown."""
    slots: Mapping[str, Any] = template.get("Parameters") or {}
    return {name for name, slot in slots.items() if str(slot.get("NoEcho")).lower() == "true"}


def fetched(template: Template, given: Mapping[str, Any], account: str, region: str) -> dict[str, str]:
    """What stands at present in Parameter Store, for the parameters whose values are names there. Raises
    ValidationError for what does not, as AWS does."""
    slots: Mapping[str, Any] = template.get("Parameters") or {}
    values = whole(template, given)
    names = {
        name: str(values[name])
        for name, slot in slots.items()
        if str(slot.get("Type", "")).startswith("AWS::SSM::Parameter::Value<")
    }
    if not names:
        return {}
    from moto.ssm.models import ssm_backends  # for those templates only that ask it

    store = ssm_backends[account][region]
    found = {name: store.get_parameter(wanted) for name, wanted in names.items()}
    missing = sorted({names[name] for name, held in found.items() if held is None})
    if missing:
        text = f"Unable to fetch parameters [{', '.join(missing)}] from parameter store for this account."
        raise ValidationError(message=text)
    return {name: str(held.value) for name, held in found.items() if held is not None}


def _faults(name: str, slot: Mapping[str, Any], value: str) -> Iterator[str]:
    kind = str(slot.get("Type", "String"))
    if kind.startswith("AWS::SSM::Parameter"):
        return  # what stands there is the name of one
    parts = value.split(",") if kind == "CommaDelimitedList" or kind.startswith("List<") else [value]
    allowed = [str(one) for one in slot.get("AllowedValues", [])]
    for part in parts:
        if allowed and part not in allowed:
            yield f"Parameter '{name}' must be one of AllowedValues"
        if "AllowedPattern" in slot and re.fullmatch(slot["AllowedPattern"], part) is None:
            yield f"Parameter '{name}' must match pattern {slot['AllowedPattern']}"
        if kind in ("Number", "List<Number>"):
            yield from _of_number(name, slot, part)
    if kind == "String":
        if len(value) < int(slot.get("MinLength", 0)):
            yield f"Parameter '{name}' must contain at least {slot['MinLength']} characters"
        if len(value) > int(slot.get("MaxLength", 4096)):
            yield f"Parameter '{name}' must contain at most {slot.get('MaxLength', 4096)} characters"


def _of_number(name: str, slot: Mapping[str, Any], text: str) -> Iterator[str]:
    try:
        value = float(text)
    except ValueError:
        yield f"Parameter '{name}' must be a number"
        return
    if value < float(slot.get("MinValue", "-inf")):
        yield f"Parameter '{name}' must be a number not less than {slot['MinValue']}"
    if value > float(slot.get("MaxValue", "inf")):
        yield f"Parameter '{name}' must be a number not greater than {slot['MaxValue']}"
