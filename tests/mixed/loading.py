"""Loader of another version of the package ``cronstack`` into this process, under another name.

The sources are those of a git revision, or of the working tree with edits. Their imports of ``cronstack`` are rewritten
to the other name, so both versions have their own modules, classes and constants.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final, NamedTuple

from tests.places import ROOT

PACKAGE: Final = "cronstack"
FOLDER: Final = f"functions/{PACKAGE}"
FORMAT: Final = f"{FOLDER}/ledger/partitions.py"
"""A revision without this file has another format, from before there were versions."""

Sources = Mapping[str, str]
"""The source of each module, by its path within the package."""


class Replacement(NamedTuple):
    """A change of one module's source."""

    path: str
    old: str
    new: str


class Source(NamedTuple):
    """The source of a version. ``revision``: of git; "" for the working tree."""

    name: str
    revision: str = ""
    edits: tuple[Replacement, ...] = ()


class NoHistory(Exception):
    """Git has no revision to compare with. The message has the reason."""


@cache
def load(source: Source) -> str:
    """Make the version importable, and return the name of its package."""
    sources = edited(sources_at(source.revision) if source.revision else working_tree(), source.edits)
    name = f"{PACKAGE}_{sum(isinstance(finder, _Finder) for finder in sys.meta_path) + 1}"
    sys.meta_path.insert(0, _Finder(name, sources))
    return name


def working_tree() -> Sources:
    folder = ROOT / FOLDER
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob("*.py"))
        if "__pycache__" not in file.parts
    }


def edited(sources: Sources, edits: Sequence[Replacement]) -> Sources:
    """Return the sources with edits. Raise LookupError for an edit that changes nothing."""
    changed = dict(sources)
    for edit in edits:
        if edit.old not in changed.get(edit.path, ""):
            raise LookupError(f"{edit.path} does not contain {edit.old!r}: change the edit")
        changed[edit.path] = changed[edit.path].replace(edit.old, edit.new)
    return changed


# -- git ---------------------------------------------------------------------------------------------------------------
def previous() -> str:
    """Return the last commit whose runtime differs from the working tree's. Raise NoHistory."""
    now = working_tree()
    for revision in _git("log", "--format=%H", "--max-count=200", "--", FOLDER).decode().split():
        if not _has_format(revision):
            break
        if sources_at(revision) != now:
            return revision
    raise NoHistory("git knows no earlier commit with this format of the ledger")


def commit(revision: str) -> str:
    """Return the commit of a revision. Raise NoHistory if git does not know it, or if it has another format."""
    full_hash = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    if not _has_format(full_hash):
        raise NoHistory(f"{revision} has another format of the ledger: {FORMAT} is missing")
    return full_hash


def sources_at(revision: str) -> Sources:
    """Return the runtime's sources at a revision. Raise NoHistory for a revision that git does not know."""
    with tarfile.open(fileobj=io.BytesIO(_git("archive", revision, FOLDER))) as archive:
        return {
            str(Path(member.name).relative_to(FOLDER)): file.read().decode()
            for member in sorted(archive.getmembers(), key=lambda member: member.name)
            if member.name.endswith(".py") and (file := archive.extractfile(member)) is not None
        }


def _has_format(revision: str) -> bool:
    return bool(_git("ls-tree", "--name-only", revision, FORMAT))


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, check=True, stdin=subprocess.DEVNULL
        ).stdout
    except FileNotFoundError:
        raise NoHistory("git is not installed") from None
    except subprocess.CalledProcessError as failed:
        lines = failed.stderr.decode(errors="replace").strip().splitlines()
        raise NoHistory(f"git {' '.join(arguments)} failed{f': {lines[-1]}' if lines else ''}") from None


# -- imports -----------------------------------------------------------------------------------------------------------
class _Finder(MetaPathFinder):
    """Finds the modules of one version."""

    def __init__(self, name: str, sources: Sources) -> None:
        self._name, self._sources = name, sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name and not fullname.startswith(f"{self._name}."):
            return None
        inside = "/".join(fullname.split(".")[1:])
        package = f"{inside}/__init__.py".lstrip("/")
        for file in (package, f"{inside}.py"):
            if file in self._sources:
                loader = _Loader(self._name, file, self._sources[file])
                return spec_from_loader(fullname, loader, is_package=file == package)
        return None


class _Loader(InspectLoader):
    """Executes one module, with its imports rewritten."""

    def __init__(self, package: str, file: str, source: str) -> None:
        self._package, self._file, self._source = package, file, source

    def get_source(self, fullname: str) -> str:
        return self._source

    def is_package(self, fullname: str) -> bool:
        return self._file.endswith("__init__.py")

    def get_code(self, fullname: str) -> CodeType:
        tree = _Renaming(self._package).visit(ast.parse(self._source))
        code: CodeType = compile(tree, f"<{self._package}>/{self._file}", "exec")
        return code


class _Renaming(ast.NodeTransformer):
    """Renames the package in imports."""

    def __init__(self, package: str) -> None:
        self._package = package

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        first, dot, rest = (node.module or "").partition(".")
        if node.level == 0 and first == PACKAGE:
            node.module = self._package + dot + rest
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        if any(alias.name.split(".")[0] == PACKAGE for alias in node.names):
            raise NotImplementedError(f"line {node.lineno} has import {PACKAGE}…: rewrite it as from … import …")
        return node
