"""A patch of moto: a row that names one member, and the mechanism that replaces and restores members.

    Patch("moto.sqs.models:Message", "mark_received", "(self, visibility_timeout=None)", reason=..., probe=...,
          make=wrapped_by(_received))

A row is data: creating one imports nothing of moto. ``apply`` resolves the owner, compares the signature of moto's
member with the recorded one, and calls ``make`` with moto's member and the ``PatchParameters``. ``unpatch`` restores
all members in reverse order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, Final

from cronstack.errors import CronstackError
from cronstack_infra.local.moto.surroundings import PatchParameters

ABSENT: Final = "absent"
"""The signature of a member that moto lacks and the patch adds."""
_MISSING: Final = object()

Make = Callable[[Any, PatchParameters], object]
"""Returns the replacement, given moto's own member (None if moto lacks it) and the surroundings."""


@dataclass(frozen=True)
class Patch:
    """One replaced or added member of one of moto's classes or modules."""

    owner: str
    """Module, or module and class: "moto.sqs.models:Queue"."""
    name: str
    signature: str
    """Of moto's member, as ``signature_of`` returns it."""
    reason: str
    """What is wrong in moto, in one sentence."""
    probe: str | tuple[str, ...]
    """Name of the function in ``probes`` that demonstrates the defect; several if the patch corrects several."""
    make: Make
    over: bool = False
    """The patch wraps another patch of the same member, which precedes it in the table."""

    @property
    def member(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def probes(self) -> tuple[str, ...]:
        return (self.probe,) if isinstance(self.probe, str) else self.probe

    @property
    def kind(self) -> str:
        return "added" if self.signature == ABSENT else "replaced"


@dataclass(frozen=True)
class Applied:
    """A patch in place."""

    owner: object
    name: str
    before: object
    """The owner's own member before; ``_MISSING`` if the owner had none, or inherited it."""
    replacement: object


_applied: list[Applied] = []
"""All patches in place, in the order of their application. Global, because moto's classes are global."""


def replaced_by(replacement: object) -> Make:
    """Use the same replacement everywhere; it does not need moto's own member."""
    return lambda original, around: replacement


def wrapped_by(wrapper: Callable[..., Any]) -> Make:
    """Call ``wrapper`` with moto's own function as the first argument, then the arguments of the call."""
    return lambda original, around: _bound(wrapper, original)


def replaced_with_port(replacement: Callable[..., Any]) -> Make:
    """Call ``replacement`` with the engine's port as the first argument, then the arguments of the call."""
    return lambda original, around: _bound(replacement, around.engine)


def wrapped_with_port(wrapper: Callable[..., Any]) -> Make:
    """Call ``wrapper`` with moto's own function and the engine's port, then the arguments of the call."""
    return lambda original, around: _bound(wrapper, original, around.engine)


def _bound(function: Callable[..., Any], *first: Any) -> Callable[..., Any]:
    """Return a plain function, which unlike ``functools.partial`` becomes a method of the class that has it."""

    def replacement(*args: Any, **kwargs: Any) -> Any:
        return function(*first, *args, **kwargs)

    return replacement


def apply(patches: Iterable[Patch], around: PatchParameters) -> None:
    """Put the patches in place. Raise CronstackError, and undo the patches of this call, if moto does not fit one."""
    before = len(_applied)
    try:
        for patch in patches:
            _applied.append(_apply(patch, around))
    except CronstackError:
        _undo(before)
        raise


def unpatch() -> Sequence[Applied]:
    """Restore moto as installed, the last patch first. Return the patches for ``repatch``."""
    removed = tuple(_applied)
    _undo(0)
    return removed


def repatch(removed: Iterable[Applied]) -> None:
    """Put the patches in place that ``unpatch`` removed."""
    for applied in removed:
        setattr(applied.owner, applied.name, applied.replacement)
        _applied.append(applied)


def resolve(owner: str) -> Any:
    """Import the owner of a patch. Raise ImportError or AttributeError if moto lacks it."""
    module, _, inner = owner.partition(":")
    owned: Any = import_module(module)
    for name in inner.split(".") if inner else ():
        owned = getattr(owned, name)
    return owned


def signature_of(owner: object, name: str) -> str:
    """Describe a member: its parameters and their defaults, without annotations, or the type of a value."""
    member = inspect.getattr_static(owner, name, _MISSING)
    if member is _MISSING:
        return ABSENT
    if isinstance(member, property):
        return "property"
    if isinstance(member, staticmethod):
        return f"static {_parameters(member.__func__)}"
    if inspect.isclass(member):
        return f"class {_parameters(member)}"
    if inspect.isroutine(member):
        return _parameters(member)
    return f"value of {type(member).__name__}"


def _parameters(function: Any) -> str:
    signature = inspect.signature(function)
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(inspect.Signature(plain))


def _apply(patch: Patch, around: PatchParameters) -> Applied:
    try:
        owner = resolve(patch.owner)
    except (ImportError, AttributeError) as error:
        raise _unfit(f"has no {patch.owner}, which the local cloud patches") from error
    below = [applied for applied in _applied if applied.owner is owner and applied.name == patch.name]
    if bool(below) != patch.over:
        text = "is patched twice" if below else "is declared over another patch, which is missing"
        raise CronstackError(
            f"{patch.member} {text}",
            remedy="Set over=True in the second of two patches of a member, and only there.",
        )
    if not below and (actual := signature_of(owner, patch.name)) != patch.signature:
        raise _unfit(f"has {patch.member} as {actual!r}; the patch expects {patch.signature!r}")
    member = inspect.getattr_static(owner, patch.name, None)
    original = member.__func__ if isinstance(member, staticmethod) else member
    replacement = patch.make(original, around)
    before = vars(owner).get(patch.name, _MISSING)
    setattr(owner, patch.name, replacement)
    return Applied(owner, patch.name, before, replacement)


def _undo(until: int) -> None:
    while len(_applied) > until:
        applied = _applied.pop()
        if applied.before is _MISSING:
            delattr(applied.owner, applied.name)
        else:
            setattr(applied.owner, applied.name, applied.before)


def _unfit(problem: str) -> CronstackError:
    return CronstackError(f"moto {version('moto')} {problem}", remedy=f"Install {pinned()}.")


def pinned() -> str:
    """Return the requirement on moto of this kit's package, for example "moto==5.2.5"."""
    try:
        requirements = requires("cronstack") or []
    except PackageNotFoundError:
        requirements = []
    return next((requirement for requirement in requirements if requirement.startswith("moto")), "moto")
