"""Packages of jobs, written for one test each."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from cronstack import DeclarationError
from cronstack_infra.discovery.discover import Discovery, discover

JOB = '@job(schedule=cron("0 6 * * ? *", timezone="Europe/Berlin"))\ndef {name}(run: Run):\n    return None\n'

_numbers = itertools.count()
HEAD = "from cronstack import Run, at, cron, job, once, rate\n\n"


class Package:
    """A package of jobs in its own project folder, with a name that no other test uses."""

    def __init__(self, folder: Path) -> None:
        self.name = f"jobs_{next(_numbers)}"
        self.root = folder / "functions"
        self.folder = self.root / self.name
        self.folder.mkdir(parents=True)

    def write(self, path: str, text: str, *, head: str = HEAD) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(head + text)

    def declare(self, arguments: str, handler: str = "def stats(run: Run):\n    return None\n") -> None:
        """Write one job to stats.py, line 3, whose decorator has these arguments."""
        self.write("stats.py", f"@job({arguments})\n{handler}")

    def discover(self, **more: Any) -> Discovery:
        return discover(self.name, self.root, **more)

    def refused(self) -> str:
        with pytest.raises(DeclarationError) as refused:
            self.discover()
        return str(refused.value).replace(self.name, "jobs")
