"""Which packages ``functions/requirements.txt`` brings into Lambda, and which package an import comes from.

The name that is imported ("yaml") and the name that is installed ("PyYAML") differ. The packages installed on this
machine tell which belongs to which, and which packages each of them needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

_COMMENT: Final = re.compile(r"(^|\s)#.*")
_LAYER: Final = re.compile(r"#\s*layer:\s*(\S+)")
_OPTION: Final = re.compile(r"(^|\s)--?[a-zA-Z].*")


@dataclass(frozen=True)
class Requirements:
    """The packages that are deployed with the jobs."""

    packages: frozenset[str]
    """Canonical names, with all that these packages need."""
    complete: bool = True
    """False if a line names no package, or one that is not installed here: it may bring anything."""

    @classmethod
    def read(cls, text: str) -> Requirements:
        """Read a ``requirements.txt``. A comment ``# layer: NAME`` counts as a package, too."""
        layers = {str(canonicalize_name(name)) for name in _LAYER.findall(text)}
        complete = True
        found: set[tuple[str, frozenset[str]]] = set()
        for line in _lines(text):
            asked = _requirement(line)
            complete &= asked is not None and _add(asked, found)
        return cls(frozenset({name for name, _ in found} | layers), complete)

    def have(self, package: str) -> bool:
        """Return whether a package is deployed, however its name is spelled."""
        return canonicalize_name(package) in self.packages


class Installed:
    """The packages installed on this machine."""

    def __init__(self) -> None:
        self._by_import: Mapping[str, Sequence[str]] | None = None

    def providers(self, dotted: str) -> tuple[str, ...]:
        """Return the names of the packages that provide an import, "google.cloud.storage"."""
        if self._by_import is None:
            self._by_import = packages_distributions()
        top = dotted.partition(".")[0]
        candidates = tuple(sorted(set(self._by_import.get(top, ()))))
        if len(candidates) < 2:
            return candidates
        # A namespace that packages share: those that have most of the dotted name.
        depth = {name: _depth(name, dotted) for name in candidates}
        return tuple(name for name in candidates if depth[name] == max(depth.values()))

    def version(self, name: str) -> str:
        """Return the version of an installed package."""
        return distribution(name).version

    def origin(self, module: str) -> Path | None:
        """Return the file of a top-level module that belongs to no package, if there is one."""
        try:
            spec = find_spec(module)
        except ValueError:
            return None
        return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _lines(text: str) -> Iterator[str]:
    """Yield what each line asks for, without comments and options."""
    for line in text.replace("\\\n", " ").splitlines():
        asked = _OPTION.sub("", _COMMENT.sub("", line)).strip()
        if asked:
            yield asked


def _requirement(line: str) -> Requirement | None:
    """Parse one line. None for a URL or a path that does not tell the name of its package."""
    try:
        return Requirement(line)
    except InvalidRequirement:
        pass
    try:
        return Requirement(parse_wheel_filename(PurePosixPath(line.partition("#")[0]).name)[0])
    except InvalidWheelFilename:
        return None


def _add(asked: Requirement, found: set[tuple[str, frozenset[str]]]) -> bool:
    """Add a package, with its extras, and all it needs. Return False if it is not installed here."""
    name = str(canonicalize_name(asked.name))
    if (name, frozenset(asked.extras)) in found:
        return True
    found.add((name, frozenset(asked.extras)))
    try:
        needed = distribution(name).requires or []
    except PackageNotFoundError:
        return False
    environments = [{"extra": extra} for extra in (*asked.extras, "")]
    for requirement in map(Requirement, needed):
        if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
            _add(requirement, found)
    return True


def _depth(package: str, dotted: str) -> int:
    """Return how many parts of a dotted name are folders or modules of a package."""
    parts = dotted.split(".")
    prefixes = {tuple(file.with_suffix("").parts[: len(parts)]) for file in distribution(package).files or ()}
    return max((_common(prefix, parts) for prefix in prefixes), default=0)


def _common(prefix: Sequence[str], parts: Sequence[str]) -> int:
    count = 0
    for left, right in zip(prefix, parts, strict=False):
        if left != right:
            break
        count += 1
    return count
