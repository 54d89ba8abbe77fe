"""The lock file ``cronstack.lock``: the jobs that the project has ever declared, and whether code can schedule them.

    {
      "version": 1,
      "app": "3f9c0b7e5a1d4c28",
      "packages": {
        "jobs": {
          "daily_stats": {"once": false},
          "remind": {"once": true}
        }
      }
    }

A job that is deleted from the code stays in the file until ``cronstack retire JOB``. Until then the stack keeps the
roles of its schedules: pending events end as dead letters, and run if the job is declared again. A job that loses its
``once()`` in the code also keeps it in the file.

``app`` identifies the project, independent of its name. Stacks have it as the tag ``cronstack:app``.
Each job has its own line, sorted, so that a diff shows the job and a merge of two branches keeps the jobs of both.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cronstack.entropy import SYSTEM
from cronstack.errors import DeclarationError

LOCK: Final = "cronstack.lock"
"""Name of the file, in the folder of cdk.json."""
VERSION: Final = 1
APP_TAG: Final = "cronstack:app"
"""Tag of a stack. Its value is the project's ``app``."""

_APP: Final = re.compile(r"[0-9a-f]{16}")
_MARKS: Final = ("<<<<<<<", "=======", ">>>>>>>")
"""Beginnings of the lines that git adds at a merge conflict."""

Jobs = Mapping[str, bool]
"""Job names, and whether code can schedule each, that is, whether it is declared with ``once()``."""


@dataclass(frozen=True)
class Lock:
    """The content of a lock file."""

    app: str
    packages: Mapping[str, Jobs] = field(default_factory=dict)

    def jobs(self, package: str) -> Jobs:
        """Return the jobs of a package."""
        return self.packages.get(package, {})

    def removed(self, package: str, declared: Iterable[str]) -> dict[str, bool]:
        """Return the jobs that the code no longer declares."""
        names = set(declared)
        return {name: once for name, once in sorted(self.jobs(package).items()) if name not in names}

    def dropped(self, package: str, declared: Jobs) -> tuple[str, ...]:
        """Return the declared jobs that code could schedule earlier, and no longer can."""
        known = self.jobs(package)
        return tuple(name for name, once in sorted(declared.items()) if not once and known.get(name, False))

    def added(self, package: str, declared: Jobs) -> Lock:
        """Return the lock with the declared jobs added. No job is removed, and no job loses ``once``."""
        known = self.jobs(package)
        jobs = {**known, **{name: once or known.get(name, False) for name, once in declared.items()}}
        return self if jobs == known else self._with(package, jobs)

    def without(self, package: str, job: str) -> Lock:
        """Return the lock without a job."""
        return self._with(package, {name: once for name, once in self.jobs(package).items() if name != job})

    def without_once(self, package: str, job: str) -> Lock:
        """Return the lock in which code cannot schedule a job."""
        return self._with(package, {**self.jobs(package), job: False})

    def _with(self, package: str, jobs: Jobs) -> Lock:
        return replace(self, packages={**self.packages, package: jobs})

    def text(self) -> str:
        """Return the content of the file. It depends only on the jobs."""
        packages = []
        for package, jobs in sorted(self.packages.items()):
            lines = [f'      {json.dumps(name)}: {{"once": {json.dumps(jobs[name])}}}' for name in sorted(jobs)]
            inside = "{\n" + ",\n".join(lines) + "\n    }" if lines else "{}"
            packages.append(f"    {json.dumps(package)}: {inside}")
        inside = "{\n" + ",\n".join(packages) + "\n  }" if packages else "{}"
        return f'{{\n  "version": {VERSION},\n  "app": {json.dumps(self.app)},\n  "packages": {inside}\n}}\n'


def read_lock(folder: Path) -> Lock | None:
    """Return the lock file of a project, or None if it is missing. Raise DeclarationError with file and line."""
    path = folder / LOCK
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise _invalid(path, 0, f"it cannot be read: {fault}") from fault
    return parse_lock(text, path)


def write_lock(folder: Path, lock: Lock) -> None:
    """Replace the lock file atomically. An interrupt leaves the old file."""
    path = folder / LOCK
    part = path.with_name(f"{LOCK}.part")
    part.write_text(lock.text(), "utf-8")
    part.replace(path)


def parse_lock(text: str, path: Path) -> Lock:
    """Parse the content of a lock file. Raise DeclarationError if it is invalid."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith(_MARKS):
            raise DeclarationError(
                "git could not merge two versions of the file",
                where=f"{path}:{number}",
                remedy=f"Keep the jobs of both sides: delete the line {line[:7]!r} and the other marker lines.",
            )
    try:
        written = json.loads(text)
    except ValueError as fault:
        raise _invalid(path, getattr(fault, "lineno", 0), f"it is not JSON: {fault}") from fault
    if not isinstance(written, dict):
        raise _invalid(path, 1, "it is not a JSON object")
    if written.get("version") != VERSION:
        raise DeclarationError(
            f'"version" is {written.get("version")!r}; this Cronstack reads version {VERSION}',
            where=f"{path}:{_line_of(lines, 'version')}",
            remedy="Use the version of Cronstack that wrote the file, or a newer one.",
        )
    app, packages = written.get("app"), written.get("packages")
    if not isinstance(app, str) or not _APP.fullmatch(app):
        raise _invalid(path, _line_of(lines, "app"), f'"app" is {app!r}, not 16 hexadecimal digits')
    if not isinstance(packages, dict):
        raise _invalid(path, _line_of(lines, "packages"), '"packages" is not a JSON object')
    return Lock(app, {package: _jobs(path, lines, package, jobs) for package, jobs in packages.items()})


def _jobs(path: Path, lines: list[str], package: str, jobs: Any) -> Jobs:
    if not isinstance(jobs, dict):
        raise _invalid(path, _line_of(lines, package), f"the package {package!r} is not a JSON object")
    for name, fields in jobs.items():
        if not isinstance(fields, dict) or not isinstance(fields.get("once"), bool):
            expected = f'expected {{"once": true}} or {{"once": false}} for {name!r}, not {json.dumps(fields)}'
            raise _invalid(path, _line_of(lines, name), expected)
    return {name: fields["once"] for name, fields in jobs.items()}


def _line_of(lines: list[str], key: str) -> int:
    """Return the number of the first line with a key. Return 1 if no line has it."""
    quoted = f"{json.dumps(key)}:"
    return next((number for number, line in enumerate(lines, 1) if quoted in line.replace('" :', '":')), 1)


def _invalid(path: Path, line: int, why: str) -> DeclarationError:
    return DeclarationError(
        f"the lock file is not valid: {why}",
        where=f"{path}:{line}" if line else str(path),
        remedy="Restore the committed version: git checkout cronstack.lock",
    )


def is_build_server() -> bool:
    """Return whether the variable CI is set, as on build servers."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def update(folder: Path, package: str, declared: Jobs, *, local: bool = False, ci: bool | None = None) -> Lock | None:
    """Return the lock of a project with the declared jobs of a package added. Write the file if that changes it.

    Return None if the file is missing and is not written.
    local: for a local cloud. The file is read and never written.
    ci: on a build server. Raise DeclarationError for an outdated file, because a new one would not be committed.
        Defaults to whether the variable CI is set.
    """
    ci = is_build_server() if ci is None else ci
    lock = read_lock(folder)
    if lock is None and (local or ci):
        return None
    new = (lock or Lock(f"{SYSTEM.getrandbits(64):016x}")).added(package, declared)
    if local or new == lock:
        return new
    if ci:
        known = lock.jobs(package) if lock is not None else {}
        missing = [name for name, once in sorted(declared.items()) if known.get(name) not in (once, True)]
        raise DeclarationError(
            f"the lock file is outdated: {', '.join(missing)} of the package {package!r}",
            where=str(folder / LOCK),
            remedy=f"Run on your machine: cronstack list{_option(package)}. Then commit {LOCK}.",
        )
    write_lock(folder, new)
    return new


def _option(package: str) -> str:
    return "" if package == "jobs" else f" --jobs {package}"
