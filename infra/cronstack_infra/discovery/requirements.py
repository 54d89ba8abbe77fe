"""The packages that ``functions/requirements.txt`` deploys, and the package that provides an import.

The import name ("yaml") and the package name ("PyYAML") may differ. The metadata of the packages installed on this
machine maps one to the other, and lists the dependencies of each package.
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
    """Canonical names, dependencies included."""
    complete: bool = True
    """False if a line has no package name, or a package that is not installed here: its dependencies are unknown."""

    @classmethod
    def read(cls, text: str) -> Requirements:
        """Parse a ``requirements.txt``. A comment ``# layer: NAME`` also counts as a package."""
        layers = {str(canonicalize_name(name)) for name in _LAYER.findall(text)}
        complete = True
        found: set[tuple[str, frozenset[str]]] = set()
        for line in _lines(text):
            requirement = _requirement(line)
            complete &= requirement is not None and _add(requirement, found)
        return cls(frozenset({name for name, _ in found} | layers), complete)

    def have(self, package: str) -> bool:
        """Return whether a package is deployed. Any spelling of its name is accepted."""
        return canonicalize_name(package) in self.packages


class Installed:
    """The packages installed on this machine."""

    def __init__(self) -> None:
        self._by_import: Mapping[str, Sequence[str]] | None = None

    def providers(self, dotted: str) -> tuple[str, ...]:
        """Return the names of the packages that provide an import, such as "google.cloud.storage"."""
        if self._by_import is None:
            self._by_import = packages_distributions()
        top = dotted.partition(".")[0]
        candidates = tuple(sorted(set(self._by_import.get(top, ()))))
        if len(candidates) < 2:
            return candidates
        # Packages share a namespace: keep those that contain most of the dotted name.
        depth = {name: _depth(name, dotted) for name in candidates}
        return tuple(name for name in candidates if depth[name] == max(depth.values()))

    def version(self, name: str) -> str:
        """Return the version of an installed package."""
        return distribution(name).version

    def origin(self, module: str) -> Path | None:
        """Return the file of a top-level module that belongs to no package. Return None if it does not exist."""
        try:
            spec = find_spec(module)
        except ValueError:
            return None
        return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _lines(text: str) -> Iterator[str]:
    """Yield the requirement of each line, without comments and options."""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = _OPTION.sub("", _COMMENT.sub("", line)).strip()
        if stripped:
            yield stripped


def _requirement(line: str) -> Requirement | None:
    """Parse one line. Return None for a URL or a path without the name of its package."""
    try:
        return Requirement(line)
    except InvalidRequirement:
        pass
    try:
        return Requirement(parse_wheel_filename(PurePosixPath(line.partition("#")[0]).name)[0])
    except InvalidWheelFilename:
        return None


def _add(requirement: Requirement, found: set[tuple[str, frozenset[str]]]) -> bool:
    """Add a package, its extras and its dependencies. Return False if it is not installed here."""
    name = str(canonicalize_name(requirement.name))
    if (name, frozenset(requirement.extras)) in found:
        return True
    found.add((name, frozenset(requirement.extras)))
    try:
        dependencies = distribution(name).requires or []
    except PackageNotFoundError:
        return False
    environments = [{"extra": extra} for extra in (*requirement.extras, "")]
    for dependency in map(Requirement, dependencies):
        if dependency.marker is None or any(map(dependency.marker.evaluate, environments)):
            _add(dependency, found)
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
