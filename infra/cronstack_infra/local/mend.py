"""How moto is mended from outside: one place that replaces, and complains when there is nothing to replace."""

from __future__ import annotations

import inspect
from importlib.metadata import version

from cronstack.errors import CronstackError

_replaced: list[tuple[object, str, object]] = []


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


def taken_back() -> list[tuple[object, str, object]]:
    """Take all mends back for a while: what ``mend_again`` wants to put them in place once more."""
    mends = [(owner, name, inspect.getattr_static(owner, name)) for owner, name, _ in _replaced]
    restore()
    return mends


def mend_again(mends: list[tuple[object, str, object]]) -> None:
    for owner, name, replacement in mends:
        mend(owner, **{name: replacement})


def restore() -> None:
    """Take all mends back, the last one first: moto is again as it is installed."""
    while _replaced:
        setattr(*_replaced.pop())
