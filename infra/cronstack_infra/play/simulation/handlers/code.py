"""Deployed code in this process: the modules of a function, loaded from its asset as Lambda would load them.

Each function has its own modules of the jobs package, as in its own process on AWS. Other deployed packages are loaded
once for all functions, because many cannot be loaded twice. The runtime (``cronstack``) is the one of this process.
While a function runs, ``sys.modules`` has its modules and ``os.environ`` its variables; see ``ProcessGlobals``.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import io
import linecache
import os
import sys
import time
import types
import zipfile
from collections.abc import Mapping, Sequence
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any, Final, cast

from cronstack_infra.local.executor.environment import OPT, TASK_ROOT

RUNTIME: Final = "cronstack"

_COMPILED: dict[tuple[str, str], tuple[bytes, types.CodeType]] = {}


class UnpackedAsset:
    """One unpacked asset. ``shown`` is the folder that tracebacks and debuggers show."""

    def __init__(self, folder: Path, shown: str = TASK_ROOT, layers: Path | None = None) -> None:
        self.folder = folder
        self.shown = shown
        self.layers = layers

    @classmethod
    def unpack(cls, code: bytes, folder: Path, shown: str = TASK_ROOT) -> UnpackedAsset:
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(code)) as archive:
                archive.extractall(folder)
        return cls(folder, shown)

    def on(self, layers: Path) -> UnpackedAsset:
        """Return the same code with a folder in place of /opt."""
        return UnpackedAsset(self.folder, self.shown, layers)

    def packages(self, own: str, path: Sequence[str]) -> frozenset[str]:
        """Return the names of deployed packages other than the function's own and the runtime."""
        folders = [Path(folder) for folder in self._searched(path) if Path(folder).is_dir()]
        names = {entry.name.partition(".")[0] for folder in folders for entry in folder.iterdir()}
        return frozenset(names - {own, RUNTIME})

    def find(self, name: str, own: str, path: Sequence[str] = (TASK_ROOT,)) -> importlib.machinery.ModuleSpec | None:
        """Return the module's spec, if the asset has it. ``own``: the package that each function loads for itself.

        ``path``: the folders of Lambda that may contain other packages.
        """
        searched = self._searched(path)
        if name.partition(".")[0] != own:
            return None if "." in name else importlib.machinery.PathFinder.find_spec(name, list(searched))
        specs = (self._spec(name, folder, shown) for folder, shown in searched.items())
        return next((spec for spec in specs if spec is not None), None)

    def _spec(self, name: str, folder: str, shown: str) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a function's own module, if ``folder`` contains it."""
        place = Path(folder, *name.split("."))
        for file, package in ((place / "__init__.py", True), (place.with_suffix(".py"), False)):
            if file.is_file():
                origin = f"{shown}/{file.relative_to(folder).as_posix()}"
                search_in = [str(place)] if package else None
                loader = _Loader(name, file, origin)
                return spec_from_file_location(name, origin, loader=loader, submodule_search_locations=search_in)
        if place.is_dir():
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        return None

    def _searched(self, path: Sequence[str]) -> dict[str, str]:
        """Map this machine's folders for those of Lambda to the names that tracebacks show."""
        here = {TASK_ROOT: (self.folder, self.shown)} | ({OPT: (self.layers, OPT)} if self.layers is not None else {})
        return {
            f"{ours}{folder.removeprefix(theirs)}": f"{shown}{folder.removeprefix(theirs)}"
            for folder in path
            for theirs, (ours, shown) in here.items()
            if f"{folder}/".startswith(f"{theirs}/")
        }


class _Loader(importlib.abc.InspectLoader):
    """Loader of source code under its name on Lambda."""

    def __init__(self, name: str, file: Path, shown: str) -> None:
        self._name, self._file, self._shown = name, file, shown

    def get_source(self, fullname: str) -> str:
        return self._file.read_text("utf-8")

    def get_code(self, fullname: str) -> types.CodeType:
        source = self._file.read_bytes()
        known = _COMPILED.get((str(self._file), self._shown))
        if known is None or known[0] != source:
            text = source.decode("utf-8")
            known = source, compile(text, self._shown, "exec", dont_inherit=True)
            _COMPILED[str(self._file), self._shown] = known
            if not Path(self._shown).exists():
                linecache.cache[self._shown] = (len(text), None, text.splitlines(keepends=True), self._shown)
        return known[1]

    def is_package(self, fullname: str) -> bool:
        return self._file.name == "__init__.py"


class FunctionState:
    """The globals of one function: its environment, its modules, its boto3 session."""

    def __init__(self, deployed: UnpackedAsset, own: str, environment: Mapping[str, str], path: Sequence[str]) -> None:
        self.deployed = deployed
        self.own = own
        self.path = path
        """Lambda's folders that are searched for modules."""
        self.environment = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
        self.modules: dict[str, types.ModuleType] = {}
        self.session: Any = None


class ProcessGlobals(importlib.abc.MetaPathFinder):
    """The process's globals, used by one function at a time. ``switch_to(None)`` restores those of the host."""

    def __init__(self) -> None:
        self.current: FunctionState | None = None
        self._host: dict[str, types.ModuleType] = {}
        self._host_environment: Any = None
        self._host_session: Any = None
        self._zone: bytes | None = None
        """TZ in the C library."""
        self._imported = False
        """Whether any import happened since the last switch."""
        self._modules = 0
        """Number of loaded modules at the last switch."""

    def switch_to(self, function_state: FunctionState | None) -> None:
        """Install the globals of a function; None: of the host."""
        before = self.current
        if function_state is before:
            return
        if before is not None:
            self._uninstall(before)
        if before is None or function_state is None or before.own != function_state.own:
            if before is not None:
                self._restore_host()
            if function_state is not None:
                self._save_host(function_state.own)
        if function_state is not None:
            self._install(function_state)
        self.current = function_state

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if self.current is None or fullname.partition(".")[0] == RUNTIME:
            return None
        self._imported = True
        return self.current.deployed.find(fullname, self.current.own, self.current.path)

    def _save_host(self, package: str) -> None:
        """Save the host's modules of a package, its environment and its session."""
        import boto3

        self._host = _remove_modules(package)
        sys.meta_path.insert(0, self)
        self._host_environment, self._host_session = cast("Any", os.environ)._data, boto3.DEFAULT_SESSION
        self._zone = self._host_environment.get(b"TZ")

    def _restore_host(self) -> None:
        import boto3

        boto3.DEFAULT_SESSION = self._host_session
        cast("Any", os.environ)._data = self._host_environment
        self._set_time_zone(self._host_environment)
        sys.meta_path.remove(self)
        sys.modules.update(self._host)

    def _install(self, function_state: FunctionState) -> None:
        import boto3

        sys.modules.update(function_state.modules)
        self._imported, self._modules = False, len(sys.modules)
        cast("Any", os.environ)._data = function_state.environment
        self._set_time_zone(function_state.environment)
        boto3.DEFAULT_SESSION = function_state.session

    def _uninstall(self, function_state: FunctionState) -> None:
        import boto3

        function_state.session = boto3.DEFAULT_SESSION
        self._zone = function_state.environment.get(b"TZ")  # a handler may have set another one in os.environ
        if self._imported or len(sys.modules) != self._modules:
            function_state.modules = _remove_modules(function_state.own)
            return
        # Searching all names is the slowest part of a switch between two handlers. Without an import, no name is new.
        function_state.modules = {name: sys.modules.pop(name) for name in function_state.modules if name in sys.modules}

    def _set_time_zone(self, environment: Mapping[bytes, bytes]) -> None:
        """Pass TZ to the C library, which does not see the replaced data of os.environ."""
        zone = environment.get(b"TZ")
        if zone == self._zone:
            return
        if zone is None:
            os.unsetenv("TZ")
        else:
            os.putenv(b"TZ", zone)
        time.tzset()
        self._zone = zone


def _remove_modules(package: str) -> dict[str, types.ModuleType]:
    """Remove a package's modules from ``sys.modules`` and return them."""
    inside = f"{package}."
    names = [name for name in list(sys.modules) if name == package or name.startswith(inside)]
    return {name: sys.modules.pop(name) for name in names}
