"""What goes into Lambda: the package of jobs, the Cronstack runtime, and third-party packages, in one folder.

The same input gives the same bytes and names on every machine, so that a second deploy says "(no changes)": nothing
compiled, nothing hidden, no empty folders, the same permissions everywhere. Lambda needs to read each file as
another user, whatever the umask was. The CDK zips the folder; all functions of a stack share it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import cronstack
from cronstack.errors import CronstackError, DeclarationError
from cronstack_infra.aws import pins, sizes
from cronstack_infra.progress import Say
from cronstack_infra.toolchain import process
from cronstack_infra.toolchain.uv import find_uv
from cronstack_infra.toolchain.whole import whole_folder

REQUIREMENTS: Final = "requirements.txt"
"""In the functions folder; absent where jobs need nothing but the standard library and boto3."""
TIME_LIMIT: Final = 600.0
"""Seconds for fetching third-party packages."""

_COMPILED = {"__pycache__"}
_COMPILED_SUFFIXES = {".pyc", ".pyo"}
_PAGES: Final = frozenset({".md"})
"""Suffixes of the runtime's pages. A change of these must not deploy every function."""
_INCLUDES = re.compile(r"\s*(-r|-c|-e|--requirement|--constraint|--editable)\b")
# Python up to 3.11 runs on Amazon Linux 2 (glibc 2.26) in Lambda, later ones on Amazon Linux 2023 (glibc 2.34).
_OLD_GLIBC = ("3.9", "3.10", "3.11")
_MACHINE = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Target:
    """Where the code will run, which decides about compiled third-party packages."""

    python: str
    """Version of the Lambda runtime, such as "3.13"."""
    architecture: str
    """"x86_64" or "arm64"."""
    here: bool = False
    """The local cloud: handlers are run by this very Python, on this machine."""

    @property
    def flags(self) -> tuple[str, ...]:
        if self.here:
            return ("--python", sys.executable)
        platform = "manylinux2014" if self.python in _OLD_GLIBC else "manylinux_2_28"
        machine = _MACHINE[self.architecture]
        return ("--python-platform", f"{machine}-{platform}", "--python-version", self.python)


def stage(functions: Path, package: str, destination: Path, *, target: Target, state: Path, progress: Say) -> Path:
    """Fill ``destination`` anew and return it. ``state`` is where fetched packages are kept."""
    shutil.rmtree(destination, ignore_errors=True)
    runtime, requirements = Path(cronstack.__file__).parent, functions / REQUIREMENTS
    parts = {package: _size(functions / package), "cronstack": _size(runtime)}
    installed = None
    if requirements.is_file():
        installed = third_party(requirements, target=target, state=state, progress=progress)
        for note in pins.notes(requirements, installed):
            progress(f"note: {note}")
        for taken in sorted({"cronstack", package} & {path.name for path in installed.iterdir()}):
            raise DeclarationError(
                f"a requirement brings a package {taken!r}, which would replace the one deployed by Cronstack",
                where=str(requirements),
                remedy="Remove it: the runtime is put there by the deployment, the jobs come from their folder.",
            )
        parts |= {path.name: _size(path) for path in installed.iterdir()}
    sizes.check(parts, package=package, where=str(requirements if installed else functions / package))
    _copy(functions / package, destination / package)
    _copy(runtime, destination / "cronstack", leave=_PAGES)
    if installed:
        _copy(installed, destination)
    return destination


def third_party(requirements: Path, *, target: Target, state: Path, progress: Say) -> Path:
    """The folder with the installed requirements, fetched by uv when their text or the target is new."""
    text = requirements.read_text("utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if _INCLUDES.match(line):
            raise DeclarationError(
                f"{line.strip()!r}: other files are not read here, what is deployed would depend on what is cached",
                where=f"{requirements}:{number}",
                remedy="List all packages with their versions in this file: uv pip compile ... -o requirements.txt",
            )
    key = sha256("\0".join((text, *target.flags)).encode()).hexdigest()[:16]

    def fill(part: Path) -> None:
        progress(f"installing {requirements.name} for Python {target.python} on {target.architecture}")
        _install(requirements, part, target)
        _forget_this_machine(part)

    return whole_folder(state / "third-party" / key, fill, progress=progress)


def _copy(source: Path, destination: Path, *, leave: frozenset[str] = frozenset()) -> None:
    """Copy what belongs into Lambda. ``leave``: suffixes of further files that do not."""
    for relative in sorted(path for path in _files(source) if path.suffix not in leave):
        copy = destination / relative
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        shutil.copyfile(source / relative, copy)
        executable = os.access(source / relative, os.X_OK)
        copy.chmod(0o755 if executable else 0o644)


def _size(source: Path) -> int:
    """Return the bytes that a folder, or a file, brings into Lambda."""
    if source.is_file():
        return source.stat().st_size
    return sum((source / relative).stat().st_size for relative in _files(source))


def _files(source: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(source, followlinks=False):
        folders[:] = [name for name in folders if name not in _COMPILED and not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix not in _COMPILED_SUFFIXES:
                yield Path(folder, name).relative_to(source)


def _install(requirements: Path, into: Path, target: Target) -> None:
    said: list[str] = []
    command = [*_uv(requirements), "pip", "install", "--quiet", *target.flags, "--only-binary", ":all:"]
    try:
        code = process.run(
            [*command, "--target", str(into), "-r", str(requirements)],
            cwd=requirements.parent,
            environ=os.environ,
            timeout=TIME_LIMIT,
            on_line=said.append,
        )
    except process.OutOfTime as error:
        raise CronstackError(
            f"{requirements}: uv had not installed it after {TIME_LIMIT:.0f} s", remedy="Try again."
        ) from error
    if code != 0:
        raise CronstackError(
            f"{requirements}: uv could not install it for Lambda:\n    " + "\n    ".join(said[-12:]),
            remedy=(
                f"Each package needs a ready wheel for Python {target.python} on {target.architecture}; and the "
                "package index must be in reach."
            ),
        )


def _uv(requirements: Path) -> list[str]:
    project = requirements.parent.parent
    if found := find_uv(project):
        return found
    tools = shlex.quote(str(project / ".tools"))
    raise CronstackError(
        f"{requirements} is there, but uv, which installs it for Lambda, is not",
        remedy=f"Install uv: {shlex.quote(sys.executable)} -m venv {tools} && {tools}/bin/pip install uv",
    )


def _forget_this_machine(installed: Path) -> None:
    """Remove scripts, which name the Python of this machine, and the records of them and of the cache."""
    shutil.rmtree(installed / "bin", ignore_errors=True)
    (installed / ".lock").unlink(missing_ok=True)
    for about in installed.glob("*.dist-info"):
        for name in ("uv_cache.json", "direct_url.json", "INSTALLER", "REQUESTED"):
            (about / name).unlink(missing_ok=True)
        record = about / "RECORD"
        if record.is_file():
            lines = record.read_text("utf-8").splitlines()
            dropped = re.compile(r"(\.\./|bin/)|.*/(uv_cache\.json|direct_url\.json|INSTALLER|REQUESTED|RECORD),")
            record.write_text("".join(f"{line}\n" for line in sorted(lines) if not dropped.match(line)), "utf-8")
