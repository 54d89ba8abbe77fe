"""Compute the size of a function's environment after CloudFormation has inserted names and ARNs. Pure.

Lambda counts the bytes of names and values then, and refuses the function in the middle of a deployment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST: Final = 4096
"""Bytes that Lambda allows for all variables of a function together."""

_PSEUDO: Final = {"AWS::AccountId": 12, "AWS::Region": 14, "AWS::Partition": 10, "AWS::URLSuffix": 16}
_SUFFIX: Final = 14
"""Characters that CloudFormation appends to a generated name."""
_URL: Final = 54
"""Characters of a queue's URL before the name."""
_ARN: Final = 50
"""Characters of an ARN before the name."""
_UNKNOWN: Final = 64
"""Characters of any other value, such as a value of a mapping."""


def of_variables(variables: Mapping[str, Any], resources: Mapping[str, Any], stack: str) -> dict[str, int]:
    """Return the bytes of each variable with its name; an estimate if CloudFormation generates names.

    ``variables`` and ``resources``: as in the template of the stack.
    """
    return {name: len(name.encode()) + _of(value, resources, stack) for name, value in variables.items()}


def _of(value: Any, resources: Mapping[str, Any], stack: str) -> int:
    if not isinstance(value, Mapping):
        return len(str(value).encode())
    function, argument = next(iter(value.items()))
    if function == "Ref":
        return _PSEUDO[argument] if argument in _PSEUDO else _of_name(argument, resources, stack)
    if function == "Fn::GetAtt":
        return _ARN + _of_name(argument[0], {}, stack)
    if function == "Fn::Join":
        separator, parts = argument
        return sum(_of(part, resources, stack) for part in parts) + len(separator.encode()) * max(len(parts) - 1, 0)
    return _UNKNOWN


def _of_name(logical: str, resources: Mapping[str, Any], stack: str) -> int:
    url = _URL if resources.get(logical, {}).get("Type") == "AWS::SQS::Queue" else 0
    return url + len(stack) + 1 + len(logical) + _SUFFIX
