"""Build the code folder for Lambda: the package of jobs, the Cronstack runtime, and third-party packages.

The same input gives the same bytes and names on every machine, so that a second deployment prints "(no changes)". So
the folder has no compiled or hidden files and no empty folders, and the same permissions everywhere: Lambda reads
the files as another user, whatever the umask was. The CDK zips the folder; all functions of a stack share it.
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
from cronstack_infra.aws.checks import pins, sizes
from cronstack_infra.progress import Report
from cronstack_infra.toolchain import process
from cronstack_infra.toolchain.complete_folder import build_folder_once
from cronstack_infra.toolchain.uv import find_uv

REQUIREMENTS: Final = "requirements.txt"
"""File in the functions folder; missing if jobs need only the standard library and boto3."""
TIME_LIMIT: Final = 600.0
"""Timeout in seconds for installing third-party packages."""

_COMPILED = {"__pycache__"}
_COMPILED_SUFFIXES = {".pyc", ".pyo"}
_PAGES: Final = frozenset({".md"})
"""Suffixes of the runtime's documentation. A change of these files must not deploy every function."""
_INCLUDES = re.compile(r"\s*(-r|-c|-e|--requirement|--constraint|--editable)\b")
# Python up to 3.11 runs on Amazon Linux 2 (glibc 2.26) in Lambda, later versions on Amazon Linux 2023 (glibc 2.34).
_OLD_GLIBC = ("3.9", "3.10", "3.11")
_MACHINE = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class BuildTarget:
    """The environment in which the code will run: it decides which compiled third-party packages are installed."""

    python: str
    """Version of the Lambda runtime, such as "3.13"."""
    architecture: str
    """"x86_64" or "arm64"."""
    here: bool = False
    """Whether the code is for the local cloud, which runs handlers with this Python on this machine."""

    @property
    def flags(self) -> tuple[str, ...]:
        if self.here:
            return ("--python", sys.executable)
        platform = "manylinux2014" if self.python in _OLD_GLIBC else "manylinux_2_28"
        machine = _MACHINE[self.architecture]
        return ("--python-platform", f"{machine}-{platform}", "--python-version", self.python)


def stage(
    functions: Path, package: str, destination: Path, *, target: BuildTarget, state: Path, progress: Report
) -> Path:
    """Delete and fill ``destination``, and return it. ``state``: folder with the cache of installed packages."""
    shutil.rmtree(destination, ignore_errors=True)
    runtime, requirements = Path(cronstack.__file__).parent, functions / REQUIREMENTS
    parts = {package: _size(functions / package), "cronstack": _size(runtime)}
    installed = None
    if requirements.is_file():
        installed = third_party(requirements, target=target, state=state, progress=progress)
        for note in pins.notes(requirements, installed):
            progress(f"note: {note}")
        for name in sorted({"cronstack", package} & {path.name for path in installed.iterdir()}):
            raise DeclarationError(
                f"a requirement installs a package {name!r}, which would replace the package deployed by Cronstack",
                where=str(requirements),
                remedy="Remove it: the deployment adds the runtime, and the jobs come from their folder.",
            )
        parts |= {path.name: _size(path) for path in installed.iterdir()}
    sizes.check(parts, package=package, where=str(requirements if installed else functions / package))
    _copy(functions / package, destination / package)
    _copy(runtime, destination / "cronstack", exclude=_PAGES)
    if installed:
        _copy(installed, destination)
    return destination


def third_party(requirements: Path, *, target: BuildTarget, state: Path, progress: Report) -> Path:
    """Return the folder with the installed requirements. uv installs them if their text or the target is new."""
    text = requirements.read_text("utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if _INCLUDES.match(line):
            raise DeclarationError(
                f"{line.strip()!r}: other files are not read, because the cache of packages would not depend on them",
                where=f"{requirements}:{number}",
                remedy="List all packages with their versions in this file: uv pip compile ... -o requirements.txt",
            )
    key = sha256("\0".join((text, *target.flags)).encode()).hexdigest()[:16]

    def fill(part: Path) -> None:
        progress(f"installing {requirements.name} for Python {target.python} on {target.architecture}")
        _install(requirements, part, target)
        _remove_machine_details(part)

    return build_folder_once(state / "third-party" / key, fill, progress=progress)


def _copy(source: Path, destination: Path, *, exclude: frozenset[str] = frozenset()) -> None:
    """Copy the files that Lambda needs. ``exclude``: suffixes of further files that are not copied."""
    for relative in sorted(path for path in _files(source) if path.suffix not in exclude):
        copy = destination / relative
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        shutil.copyfile(source / relative, copy)
        executable = os.access(source / relative, os.X_OK)
        copy.chmod(0o755 if executable else 0o644)


def _size(source: Path) -> int:
    """Return the bytes of a folder or a file in Lambda."""
    if source.is_file():
        return source.stat().st_size
    return sum((source / relative).stat().st_size for relative in _files(source))


def _files(source: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(source, followlinks=False):
        folders[:] = [name for name in folders if name not in _COMPILED and not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix not in _COMPILED_SUFFIXES:
                yield Path(folder, name).relative_to(source)


def _install(requirements: Path, into: Path, target: BuildTarget) -> None:
    output: list[str] = []
    command = [*_uv(requirements), "pip", "install", "--quiet", *target.flags, "--only-binary", ":all:"]
    try:
        code = process.run(
            [*command, "--target", str(into), "-r", str(requirements)],
            cwd=requirements.parent,
            environ=os.environ,
            timeout=TIME_LIMIT,
            on_line=output.append,
        )
    except process.TimedOut as error:
        raise CronstackError(
            f"{requirements}: uv did not install it within {TIME_LIMIT:.0f} s", remedy="Try again."
        ) from error
    if code != 0:
        raise CronstackError(
            f"{requirements}: uv could not install it for Lambda:\n    " + "\n    ".join(output[-12:]),
            remedy=(
                f"Each package needs a wheel for Python {target.python} on {target.architecture}, and the package "
                "index must be reachable."
            ),
        )


def _uv(requirements: Path) -> list[str]:
    project = requirements.parent.parent
    if command := find_uv(project):
        return command
    tools = shlex.quote(str(project / ".tools"))
    raise CronstackError(
        f"{requirements} exists, but uv, which installs it for Lambda, is missing",
        remedy=f"Install uv: {shlex.quote(sys.executable)} -m venv {tools} && {tools}/bin/pip install uv",
    )


def _remove_machine_details(installed: Path) -> None:
    """Remove scripts, which contain the path of this machine's Python, and the records of scripts and cache."""
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
