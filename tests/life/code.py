"""The code of a project, which changes over a year: its declared jobs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

ZONE: Final = "Europe/Berlin"


class Declared(NamedTuple):
    """A job in the code."""

    hour: int | None = None
    """Local hour of its two runs, a minute apart, or None: it has no schedule."""
    once: bool = False
    """Whether application code may schedule it."""
    deadline: int = 3600
    """Its start deadline in seconds, which an update changes."""

    @property
    def schedules(self) -> str:
        own = [f'cron("0,1 {self.hour} * * ? *", timezone="{ZONE}")'] if self.hour is not None else []
        return ", ".join([*own, *(["once()"] if self.once else [])])


Code = Mapping[str, Declared]
"""The declared jobs by name."""

_HEAD: Final = "import time\n\nfrom cronstack import Run, cron, job, once\n"
_JOB: Final = """

@job(name="{name}", schedule=[{schedules}], overlap="buffer_one", retries=3, start_deadline={deadline}, timeout=300)
def {function}(run: Run):
    time.sleep(90)
    if run.attempt == 1 and sum(run.occurrence.encode()) % 4 == 0:
        raise RuntimeError("its first attempt fails")
    return {{}}
"""


def write(package: Path, code: Code) -> None:
    """Write a package of jobs. A quarter of the occurrences fail first. Runs last 90 s, so the second is buffered."""
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    jobs = "".join(
        _JOB.format(name=name, function=name, schedules=declared.schedules, deadline=declared.deadline)
        for name, declared in sorted(code.items())
    )
    (package / "all_jobs.py").write_text(_HEAD + jobs, "utf-8")
