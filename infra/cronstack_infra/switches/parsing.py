"""Switches as users write them: NAME=VALUE on a command line, a mapping in a test. Pure.

Each wrong name or value raises DeclarationError with the nearest valid names. "harshest" without a value sets every
switch to its harshest setting; later texts change single switches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Any, Final, get_args, get_type_hints

from cronstack.errors import DeclarationError
from cronstack_infra.switches.settings import Switches
from cronstack_infra.switches.table import SWITCHES

HARSHEST: Final = "harshest"

_SHARES: Final = frozenset({"duplicates", "create_throttled", "create_conflicts", "hanging", "empty_polls"})
_MOST: Final[Mapping[str, float]] = {"spread": 60, "early": 60, "dynamodb_down": 86400, **dict.fromkeys(_SHARES, 1)}
"""Largest values. A field that is missing here has no limit."""
_TYPES: Final = get_type_hints(Switches)
_NONE: Final = ("none", "")


def read(given: Iterable[str], *, seed: int = 0, over: Switches | None = None) -> Switches:
    """Return the switches of texts such as "past-at=refused". Raise DeclarationError.

    over: the switches that ``given`` changes. Defaults to the default settings.
    """
    switches = replace(over or Switches(), seed=seed)
    for text in given:
        name, equals, value = text.partition("=")
        if name.strip() == HARSHEST and not equals:
            switches = harshest(switches)
        elif not equals:
            raise DeclarationError(
                f"switch {text!r} has no value", remedy=f"Write NAME=VALUE, such as past-at=refused, or {HARSHEST}."
            )
        else:
            switches = _set(switches, name.strip(), value.strip())
    return switches


def of_mapping(given: object, *, seed: int = 0, over: Switches | None = None) -> Switches:
    """Return the switches of a mapping such as {"past-at": "refused"}, or of the text "harshest"."""
    switches = replace(over or Switches(), seed=seed)
    if given is None:
        return switches
    if isinstance(given, str):
        return read([given], seed=seed, over=switches)
    if not isinstance(given, Mapping):
        raise DeclarationError(
            f"switches={given!r} is not a dictionary", remedy='Write switches={"past-at": "refused"}, or "harshest".'
        )
    for name, value in given.items():
        all_of_them = name == HARSHEST and value is True
        switches = harshest(switches) if all_of_them else _set(switches, str(name), value)
    return switches


def harshest(over: Switches) -> Switches:
    """Return ``over`` with every switch at its harshest setting."""
    return replace(over, **{switch.field: switch.harshest for switch in SWITCHES})


def changed(switches: Switches) -> list[str]:
    """Return the switches that differ from their default, as texts for ``read``."""
    default = Switches()
    ours = {switch.field: getattr(switches, switch.field) for switch in SWITCHES}
    return [
        f"{field.replace('_', '-')}={shown(value)}" for field, value in ours.items() if value != getattr(default, field)
    ]


def shown(value: object) -> str:
    """Return a value in the form in which users write it."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, float | int):
        return f"{value:g}"
    if isinstance(value, tuple | frozenset):
        return ",".join(
            sorted(map(str, value)) if isinstance(value, frozenset) else [f"{number:g}" for number in value]
        )
    return str(value)


def accepted(field: str) -> str:
    """Return the values that a field accepts, as text."""
    kind = _TYPES[field]
    if kind in (bool, int, int | None):
        return {bool: "true, false", int: "a whole number"}.get(kind, "a whole number, none")
    if kind is float:
        return "a share from 0 to 1" if field in _SHARES else f"seconds{_up_to(_MOST.get(field))}"
    if kind in (frozenset[str], tuple[float, ...]):
        return "codes, separated by commas" if kind == frozenset[str] else "seconds, separated by commas"
    return ", ".join(get_args(kind))


def _up_to(most: float | None) -> str:
    return "" if most is None else f" from 0 to {most:g}"


def _set(switches: Switches, name: str, value: object) -> Switches:
    field = name.replace("-", "_")
    known = [one_field.name for one_field in fields(Switches) if one_field.name != "seed"]
    if field not in known:
        names = [known_name.replace("_", "-") for known_name in known]
        near = get_close_matches(name.replace("_", "-"), names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise DeclarationError(f"there is no switch {name!r}", remedy=f"{hint}All are listed by: cronstack switches")
    try:
        parsed = _parser_of(field)(value)
    except (TypeError, ValueError) as why:
        raise DeclarationError(
            f"switch {name}={value if isinstance(value, str) else repr(value)}: {why}",
            remedy="The values are listed by: cronstack switches",
        ) from None
    return replace(switches, **{field: parsed})


def _parser_of(field: str) -> Callable[[object], Any]:
    """Return the function that parses a field's value, from a text or a Python value. It raises ValueError."""
    kind = _TYPES[field]
    if kind is bool:
        return _boolean
    if kind is float:
        return lambda value: _number(value, _MOST.get(field))
    if kind is int:
        return _integer
    if kind == int | None:
        return lambda value: None if _has_no_limit(value) else _integer(value)
    if kind == frozenset[str]:
        return lambda value: frozenset(_items(value))
    if kind == tuple[float, ...]:
        return lambda value: tuple(_number(item, None) for item in _items(value))
    return lambda value: _choice(value, get_args(kind))


def _has_no_limit(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.lower() in _NONE)


def _items(value: object) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    raise ValueError("not a list")


def _boolean(value: object) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text == "true"


def _number(value: object, most: float | None) -> float:
    try:
        number = -1.0 if isinstance(value, bool) else float(value)  # type: ignore[arg-type]  # raises TypeError
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf") or (most is not None and number > most):
        raise ValueError(f"not a number{_up_to(most) or ' from 0'}")
    return number


def _integer(value: object) -> int:
    try:
        number = _number(value, None)
    except ValueError:
        number = 0
    if number != int(number) or number < 1:
        raise ValueError("not a whole number from 1")
    return int(number)


def _choice(value: object, choices: tuple[Any, ...]) -> str:
    if value not in choices:
        near = get_close_matches(str(value), choices, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"not one of {', '.join(choices)}{hint}")
    return str(value)
