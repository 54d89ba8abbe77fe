"""Imports that succeed here and fail in Lambda: files outside the package of jobs, and packages not deployed.

They are found in the text, before anything is deployed: every test would pass, and every run would fail.
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
"""It is put beside the jobs in Lambda."""
AROUND: Final = "cronstack_infra"


def undeployed(package: str, root: Path) -> Iterator[DeclarationError]:
    """Yield one fault for each such import in a package of ``root``, also in its modules that begin with "_"."""
    yield from _Check(package, root).faults()


class _Check:
    def __init__(self, package: str, root: Path) -> None:
        self._package, self._root = package, root
        self._given = {package, RUNTIME, *LAMBDA_IMAGE, *sys.stdlib_module_names}

    @cached_property
    def _packages(self) -> tuple[Requirements, Installed]:
        """Those that are deployed, and those on this machine. Read for jobs that import a package, which takes time."""
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
                why = self._why(name)
                if why is not None:
                    where = f"{path.relative_to(self._root.parent).as_posix()}:{statement.lineno}"
                    yield DeclarationError(why[0], where=where, remedy=why[1])

    def _deployed(self, name: str) -> bool:
        return self._why(name) is None

    def _why(self, dotted: str) -> tuple[str, str] | None:
        """Return why the import fails in Lambda, and the remedy. None if it succeeds."""
        top = dotted.partition(".")[0]
        if top in self._given:
            return None
        if top == AROUND:
            return f"it imports {AROUND}, which is not deployed", f"A job imports from {RUNTIME} alone."
        if _lies_in(self._root, top):
            return self._beside(top, "beside the package of jobs and is not deployed with it")
        requirements, installed = self._packages
        if requirements.have(top) or not requirements.complete:
            return None
        providers = installed.providers(dotted)
        if any(map(requirements.have, providers)):
            return None
        if not providers and (file := installed.origin(top)) is not None:
            return self._beside(top, f"in {file} and is not deployed")
        return self._unnamed(top, [f"{name}=={installed.version(name)}" for name in providers])

    def _beside(self, name: str, place: str) -> tuple[str, str]:
        functions, package = self._root.name, self._package
        return (
            f"it imports {name}, which lies {place}",
            f"Move it to {functions}/{package}/_{name.lstrip('_')}, say, and import it from there: "
            f"the folder {functions}/{package} is deployed, and what {functions}/{REQUIREMENTS} names.",
        )

    def _unnamed(self, name: str, lines: list[str]) -> tuple[str, str]:
        file = f"{self._root.name}/{REQUIREMENTS}"
        why = f"it imports {name}, which is not deployed: {file} does not name it"
        if not lines:
            return why, f"Add the package that brings {name} to {file}, and install it here."
        layer = lines[0].partition("==")[0]
        return why, f"Add this line to {file}: {' or '.join(lines)}   (if a layer brings it: # layer: {layer})"


def _lies_in(root: Path, name: str) -> bool:
    return (root / f"{name}.py").is_file() or any((root / name).glob("**/*.py"))
