"""How moto is mended from outside: one place that replaces, and complains when there is nothing to replace."""

from __future__ import annotations

import inspect
from importlib.metadata import version

from cronstack.errors import CronstackError

_replaced: list[tuple[object, str, object]] = []
_ABSENT = object()


def mend(owner: object, **replacements: object) -> None:
    """Put each replacement in place of the owner's member of that name."""
    for name, replacement in replacements.items():
        if not hasattr(owner, name):
            raise CronstackError(
                f"moto {version('moto')} has no {name} in {owner!r}, which the local cloud replaces",
                remedy="Install a moto version that pyproject.toml allows.",
            )
        _replaced.append((owner, name, inspect.getattr_static(owner, name)))
        setattr(owner, name, replacement)


def add(owner: object, **members: object) -> None:
    """Give the owner members that moto lacks."""
    for name, member in members.items():
        if hasattr(owner, name):
            raise CronstackError(
                f"moto {version('moto')} has {name} in {owner!r}, which the local cloud adds",
                remedy="Install a moto version that pyproject.toml allows.",
            )
        _replaced.append((owner, name, _ABSENT))
        setattr(owner, name, member)


def taken_back() -> list[tuple[object, str, object]]:
    """Take all mends back for a while: what ``mend_again`` wants to put them in place once more."""
    mends = [(owner, name, inspect.getattr_static(owner, name)) for owner, name, _ in _replaced]
    restore()
    return mends


def mend_again(mends: list[tuple[object, str, object]]) -> None:
    for owner, name, replacement in mends:
        (mend if hasattr(owner, name) else add)(owner, **{name: replacement})


def restore() -> None:
    """Take all mends back, the last one first: moto is again as it is installed."""
    while _replaced:
        owner, name, before = _replaced.pop()
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
