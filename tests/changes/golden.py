"""Golden changes: what ``cronstack diff`` prints for a deployed and a declared project.

Each file in ``golden_changes`` has sections. ``deployed`` and ``declared`` are modules of jobs; the second one without
its unchanged imports. ``scene`` is JSON: what was changed by hand, and what waits. ``text`` and ``markdown`` are the
expected outputs.

``python -m tests.changes.golden`` renews the expected outputs. Read the difference before you commit it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from cronstack.deployed.job_metadata import ScheduleMetadata
from cronstack_infra.changes.compare import Changes, compare
from cronstack_infra.changes.markdown import as_markdown
from cronstack_infra.changes.sides import DeployedJobSide, JobSide, TimedSchedule, schedule_of, side_of
from cronstack_infra.changes.text import as_text
from cronstack_infra.changes.waiting import Pending
from cronstack_infra.discovery.discover import discover
from cronstack_infra.discovery.metadata import metadata_of

FOLDER: Final = Path(__file__).parent / "golden_changes"
IMPORTS: Final = "from datetime import UTC, datetime\n\nfrom cronstack import Run, at, cron, job, once, rate\n\n\n"
_SECTION: Final = re.compile(r"^== (\w+)\n", re.MULTILINE)
_numbers = itertools.count()


class Golden(NamedTuple):
    """One golden change."""

    path: Path
    now: datetime
    days: int
    sections: dict[str, str]

    @property
    def name(self) -> str:
        return self.path.stem


def read(path: Path) -> Golden:
    head, *rest = _SECTION.split(path.read_text("utf-8"))
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    given = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    return Golden(path, datetime.fromisoformat(given["now"]), int(given.get("days", "30")), sections)


def all_changes() -> list[Golden]:
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def changes_of(golden: Golden) -> Changes:
    scene = json.loads(golden.sections.get("scene", "{}"))
    deployed = None
    if "deployed" in golden.sections:
        sides = _sides(golden.sections["deployed"])
        deployed = {name: _deployed(side, scene.get("found", {}).get(name, {})) for name, side in sides.items()}
    pending = {job: [_pending(each) for each in waiting] for job, waiting in scene.get("pending", {}).items()}
    declared = _sides(golden.sections["declared"])
    return compare("shop", deployed, declared, pending, now=golden.now, days=golden.days)


def renewed(golden: Golden) -> str:
    """Return the text of the file, with new outputs."""
    changes = changes_of(golden)
    head = _SECTION.split(golden.path.read_text("utf-8"))[0]
    sections = golden.sections | {"text": as_text(changes), "markdown": as_markdown(changes)}
    return head + "".join(f"== {name}\n{text.rstrip()}\n\n" for name, text in sections.items()).rstrip() + "\n"


def _sides(source: str) -> dict[str, JobSide]:
    """Return the jobs that a module declares."""
    package = f"golden_{next(_numbers)}"
    with TemporaryDirectory() as folder:
        file = Path(folder, "functions", package, "shop.py")
        file.parent.mkdir(parents=True)
        file.write_text(IMPORTS + source.strip() + "\n")
        found = discover(package, file.parent.parent).jobs
    sides = {}
    for declared in found:
        metadata = metadata_of(declared)
        where = metadata.where.replace(package, "jobs")
        sides[declared.name] = side_of(metadata._replace(where=where), declared.job.input)
    return sides


def _deployed(side: JobSide, found: dict[str, Any]) -> DeployedJobSide:
    """Return the deployed job, as it was deployed or with changes by hand. ``found``: by the number of the schedule."""
    return DeployedJobSide(side, tuple(_found(side.schedules, found)))


def _found(schedules: tuple[TimedSchedule, ...], found: dict[str, Any]) -> Iterator[TimedSchedule]:
    for timed in schedules:
        other = found.get(str(timed.number), {})
        if other is None:
            continue  # deleted by hand
        actual = replace(timed, enabled=other.get("enabled", timed.enabled))
        if "since" in other:
            actual = replace(actual, since=datetime.fromisoformat(other["since"]))
        if "expression" in other:
            given = ScheduleMetadata(other["expression"], other.get("timezone", timed.schedule.timezone))
            actual = replace(actual, schedule=schedule_of(given))
        yield actual


def _pending(given: dict[str, Any]) -> Pending:
    first, last = (datetime.fromisoformat(given[name]) if name in given else None for name in ("first", "last"))
    return Pending(given["kind"], given["count"], first, last, given.get("at_least", False))


def main() -> None:
    for golden in all_changes():
        text = renewed(golden)
        if text != golden.path.read_text("utf-8"):
            golden.path.write_text(text, "utf-8")
            print(f"renewed {golden.name}")


if __name__ == "__main__":
    main()
