"""A project is the folder that has ``cdk.json``. This module finds it, its jobs and the names of its stacks.

Standard library only, because ``cronstack list`` and ``next`` start here.
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
"""Context key of ``cdk.json`` that names the project, and by that its stacks."""
STATE_FOLDER: Final = ".cronstack"
"""What may be deleted at any time lives here: the fetched cdk CLI, staged code, logs. Ignored by git."""

_NAME = re.compile(r"[A-Za-z](?:-?[A-Za-z0-9])*")
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Project:
    """One project on this disk."""

    root: Path
    """Absolute path of the folder of ``cdk.json``."""
    name: str
    """Of the project; letters, digits and single hyphens, so that it may begin the name of anything on AWS."""
    context: Mapping[str, Any]
    """``context`` of ``cdk.json``."""

    @classmethod
    def find(cls, cwd: Path | str | None = None) -> Project:
        """The project that ``cwd`` (default: the current folder) lies in. Raises CronstackError outside of any."""
        start = Path.cwd() if cwd is None else Path(cwd).resolve()
        for folder in (start, *start.parents):
            if (folder / CDK_JSON).is_file():
                return cls._read(folder)
        raise CronstackError(
            f"no {CDK_JSON} in {start} or above it: this is not a Cronstack project",
            remedy="Change into your project's folder, or make a new one: cronstack new shop",
        )

    @classmethod
    def _read(cls, root: Path) -> Project:
        where = str(root / CDK_JSON)
        try:
            written = json.loads((root / CDK_JSON).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CronstackError(f"{where} cannot be read: {error}", remedy="Mend the file; it holds JSON.") from error
        context = written.get("context", {}) if isinstance(written, dict) else None
        if not isinstance(context, dict):
            raise CronstackError(f'{where} is not a JSON object with an object "context"', remedy="Mend the file.")
        name = context.get(PROJECT_KEY, cleaned(root.name))
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise DeclarationError(
                f'"{PROJECT_KEY}" is {name!r}, which cannot begin the names of resources on AWS',
                where=where,
                remedy=f'Take letters, digits and single hyphens, at most {_LONGEST_NAME}, such as "shop".',
            )
        return cls(root=root, name=name, context=context)

    @property
    def functions(self) -> Path:
        """The folder that holds the packages of jobs, and that is the root of what is deployed."""
        return self.root / "functions"

    @property
    def state(self) -> Path:
        """The folder for what may be deleted at any time (see STATE_FOLDER); not created here."""
        return self.root / STATE_FOLDER

    def stack(self, jobs_package: str = "jobs") -> str:
        """Name of the stack in which the jobs of a package are deployed."""
        return names.stack_name(self.name, jobs_package)


def cleaned(folder: str) -> str:
    """A folder's name with everything that AWS would refuse turned into single hyphens; "project" if nothing stays."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", folder).lstrip("-0123456789")[:_LONGEST_NAME].strip("-")
    return words or "project"
