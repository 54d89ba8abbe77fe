"""Parameters of a template: validated and completed with defaults before moto resolves them.

moto validates none, and takes the default of a list as one string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.cloudformation.template.template import Template


def with_defaults(template: Template, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specified values, and the defaults of the others. Raise ValidationError as AWS does."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {
        name: str(declaration["Default"]) for name, declaration in declared.items() if "Default" in declaration
    } | dict(given)
    missing = sorted(set(declared) - set(values))
    if missing:
        raise ValidationError(message=f"Parameters: [{', '.join(missing)}] must have values")
    for name, declaration in declared.items():
        fault = next(_faults(name, declaration, str(values[name])), None)
        if fault is not None and "ConstraintDescription" in declaration:
            fault = f"Parameter {name} failed to satisfy constraint: {declaration['ConstraintDescription']}"
        if fault is not None:
            raise ValidationError(message=fault)
    return values


def hidden_names(template: Template) -> set[str]:
    """Return the names of the NoEcho parameters, whose values must not be shown."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    return {name for name, declaration in declared.items() if str(declaration.get("NoEcho")).lower() == "true"}


def ssm_values(template: Template, given: Mapping[str, Any], account: str, region: str) -> dict[str, str]:
    """Return the current values in Parameter Store of the parameters whose values are names there.

    Raise ValidationError for a missing one, as AWS does.
    """
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    values = with_defaults(template, given)
    names = {
        name: str(values[name])
        for name, declaration in declared.items()
        if str(declaration.get("Type", "")).startswith("AWS::SSM::Parameter::Value<")
    }
    if not names:
        return {}
    from moto.ssm.models import ssm_backends  # slow to import, and few templates need it

    store = ssm_backends[account][region]
    parameters = {name: store.get_parameter(ssm_name) for name, ssm_name in names.items()}
    missing = sorted({names[name] for name, parameter in parameters.items() if parameter is None})
    if missing:
        text = f"Unable to fetch parameters [{', '.join(missing)}] from parameter store for this account."
        raise ValidationError(message=text)
    return {name: str(parameter.value) for name, parameter in parameters.items() if parameter is not None}


def _faults(name: str, declaration: Mapping[str, Any], value: str) -> Iterator[str]:
    kind = str(declaration.get("Type", "String"))
    if kind.startswith("AWS::SSM::Parameter"):
        return  # the value is the name of a parameter in Parameter Store
    parts = value.split(",") if kind == "CommaDelimitedList" or kind.startswith("List<") else [value]
    allowed = [str(choice) for choice in declaration.get("AllowedValues", [])]
    for part in parts:
        if allowed and part not in allowed:
            yield f"Parameter '{name}' must be one of AllowedValues"
        if "AllowedPattern" in declaration and re.fullmatch(declaration["AllowedPattern"], part) is None:
            yield f"Parameter '{name}' must match pattern {declaration['AllowedPattern']}"
        if kind in ("Number", "List<Number>"):
            yield from _of_number(name, declaration, part)
    if kind == "String":
        if len(value) < int(declaration.get("MinLength", 0)):
            yield f"Parameter '{name}' must contain at least {declaration['MinLength']} characters"
        if len(value) > int(declaration.get("MaxLength", 4096)):
            yield f"Parameter '{name}' must contain at most {declaration.get('MaxLength', 4096)} characters"


def _of_number(name: str, declaration: Mapping[str, Any], text: str) -> Iterator[str]:
    try:
        value = float(text)
    except ValueError:
        yield f"Parameter '{name}' must be a number"
        return
    if value < float(declaration.get("MinValue", "-inf")):
        yield f"Parameter '{name}' must be a number not less than {declaration['MinValue']}"
    if value > float(declaration.get("MaxValue", "inf")):
        yield f"Parameter '{name}' must be a number not greater than {declaration['MaxValue']}"
