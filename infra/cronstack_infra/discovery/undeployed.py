"""Find imports that succeed here and fail in Lambda: of files outside the package of jobs, and of packages.

The check reads the source text before a deployment. Without it, all tests would pass and all runs would fail.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cronstack.errors import DeclarationError
from cronstack_infra.discovery.imports import imports
from cronstack_infra.lambda_image import LAMBDA_IMAGE

if TYPE_CHECKING:
    from cronstack_infra.discovery.requirements import Installed, Requirements

REQUIREMENTS: Final = "requirements.txt"
RUNTIME: Final = "cronstack"
"""The package that is deployed with the jobs."""
INFRA: Final = "cronstack_infra"


def undeployed(package: str, root: Path) -> Iterator[DeclarationError]:
    """Yield a fault for each such import in a package of ``root``, also in modules that begin with "_"."""
    yield from _Check(package, root).faults()


class _Check:
    def __init__(self, package: str, root: Path) -> None:
        self._package, self._root = package, root
        self._available = {package, RUNTIME, *LAMBDA_IMAGE, *sys.stdlib_module_names}

    @cached_property
    def _packages(self) -> tuple[Requirements, Installed]:
        """Packages that are deployed, and packages on this machine. Read only if needed, because it is slow."""
        from cronstack_infra.discovery.requirements import Installed, Requirements

        file = self._root / REQUIREMENTS
        return Requirements.read(file.read_text("utf-8") if file.is_file() else ""), Installed()

    def faults(self) -> Iterator[DeclarationError]:
        for path in sorted((self._root / self._package).rglob("*.py")):
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):  # reported when the module is imported
                continue
            for statement, name in imports(tree, self._deployed):
                fault = self._fault(name)
                if fault is not None:
                    where = f"{path.relative_to(self._root.parent).as_posix()}:{statement.lineno}"
                    yield DeclarationError(fault[0], where=where, remedy=fault[1])

    def _deployed(self, name: str) -> bool:
        return self._fault(name) is None

    def _fault(self, dotted: str) -> tuple[str, str] | None:
        """Return why the import fails in Lambda, and the remedy. Return None if it succeeds."""
        top = dotted.partition(".")[0]
        if top in self._available:
            return None
        if top == INFRA:
            return f"it imports {INFRA}, which is not deployed", f"Import only {RUNTIME} in jobs."
        if _is_in(self._root, top):
            return self._outside(top, "outside the package of jobs, and is not deployed")
        requirements, installed = self._packages
        if requirements.have(top) or not requirements.complete:
            return None
        providers = installed.providers(dotted)
        if any(map(requirements.have, providers)):
            return None
        if not providers and (file := installed.origin(top)) is not None:
            return self._outside(top, f"in {file}, and is not deployed")
        return self._unnamed(top, [f"{name}=={installed.version(name)}" for name in providers])

    def _outside(self, name: str, place: str) -> tuple[str, str]:
        functions, package = self._root.name, self._package
        return (
            f"it imports {name}, which is {place}",
            f"Move it into the package, for example to {functions}/{package}/_{name.lstrip('_')}, and import it from "
            f"there. Only {functions}/{package} and the packages in {functions}/{REQUIREMENTS} are deployed.",
        )

    def _unnamed(self, name: str, lines: list[str]) -> tuple[str, str]:
        file = f"{self._root.name}/{REQUIREMENTS}"
        reason = f"it imports {name}, which is not deployed: {file} does not contain it"
        if not lines:
            return reason, f"Add the package that provides {name} to {file}, and install it here."
        layer = lines[0].partition("==")[0]
        return reason, f"Add this line to {file}: {' or '.join(lines)}   (if a layer provides it: # layer: {layer})"


def _is_in(root: Path, name: str) -> bool:
    return (root / f"{name}.py").is_file() or any((root / name).glob("**/*.py"))
