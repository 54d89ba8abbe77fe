"""Set the variables that Lambda always sets when a test imports a module of jobs (see ``aws_variables``).

An import finder wraps only the packages in the project's folder ``functions``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final

RUNTIME: Final = "cronstack"


def install(project: Path) -> Callable[[], None]:
    """Wrap the imports of a project's packages of jobs. Return a function that removes the wrapper."""
    functions = project / "functions"
    if not functions.is_dir():
        return lambda: None
    finder = _Finder(functions, frozenset(path.name for path in functions.iterdir() if path.is_dir()) - {RUNTIME})
    # After the finder of pytest, which rewrites assertions, and before the finder of Python.
    place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
    sys.meta_path.insert(place, finder)
    return lambda: sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    def __init__(self, functions: Path, packages: frozenset[str]) -> None:
        self._functions = functions
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._packages:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return spec
        if Path(spec.loader.path).is_relative_to(self._functions):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        from cronstack_infra.discovery.aws_variables import lambda_variables

        __tracebackhide__ = True  # pytest shows the user's lines only
        with lambda_variables(os.environ):
            super().exec_module(module)
