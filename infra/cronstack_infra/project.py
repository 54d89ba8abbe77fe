"""The project: the folder that contains ``cdk.json``. This module finds it, its jobs and the names of its stacks.

It imports only the standard library, so that ``cronstack list`` and ``next`` start fast.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cronstack.errors import CronstackError, DeclarationError
from cronstack_infra import names

CDK_JSON: Final = "cdk.json"
PROJECT_KEY: Final = "cronstack:project"
"""Context key of ``cdk.json`` with the name of the project. The names of its stacks begin with it."""
STATE_FOLDER: Final = ".cronstack"
"""Folder for files that may be deleted at any time: the fetched cdk CLI, staged code, logs. Ignored by git."""

_NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Project:
    """One project on this machine."""

    root: Path
    """Absolute path of the folder of ``cdk.json``."""
    name: str
    """Name of the project: letters, digits and single hyphens, so that names of any AWS resource can begin with it."""
    context: Mapping[str, Any]
    """``context`` of ``cdk.json``."""

    @classmethod
    def find(cls, cwd: Path | str | None = None) -> Project:
        """Return the project around ``cwd``, by default the current folder. Raise CronstackError outside a project."""
        start = Path.cwd() if cwd is None else Path(cwd).resolve()
        for folder in (start, *start.parents):
            if (folder / CDK_JSON).is_file():
                return cls._read(folder)
        raise CronstackError(
            f"no {CDK_JSON} in {start} or above it: this is not a Cronstack project",
            remedy="Change to your project's folder, or create a project: cronstack new shop",
        )

    @classmethod
    def _read(cls, root: Path) -> Project:
        where = str(root / CDK_JSON)
        try:
            written = json.loads((root / CDK_JSON).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CronstackError(
                f"{where} cannot be read: {error}", remedy="Correct the file. It must be valid JSON."
            ) from error
        context = written.get("context", {}) if isinstance(written, dict) else None
        if not isinstance(context, dict):
            raise CronstackError(
                f'{where} is not a JSON object with an object "context"',
                remedy='Correct the file: {"app": …, "context": {…}}.',
            )
        name = context.get(PROJECT_KEY, cleaned(root.name))
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise DeclarationError(
                f'"{PROJECT_KEY}" is {name!r}, and names of AWS resources cannot begin with it',
                where=where,
                remedy=f'Use letters, digits and single hyphens, at most {_LONGEST_NAME} characters, such as "shop".',
            )
        return cls(root=root, name=name, context=context)

    @property
    def functions(self) -> Path:
        """The folder with the packages of jobs. It is the root of the deployed code."""
        return self.root / "functions"

    @property
    def state(self) -> Path:
        """The folder STATE_FOLDER. It may not exist yet."""
        return self.root / STATE_FOLDER

    def stack(self, jobs_package: str = "jobs") -> str:
        """Return the name of the stack that contains the jobs of a package."""
        return names.stack_name(self.name, jobs_package)


def cleaned(folder: str) -> str:
    """Return a folder's name with invalid characters replaced by single hyphens. Return "project" if none is valid."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", folder).lstrip("-0123456789")[:_LONGEST_NAME].strip("-")
    return words or "project"
