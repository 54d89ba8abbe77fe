"""The index of the ledger: whether it is active, and whether it shows the rows that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cronstack.ledger.partitions import INDEX, open_lists
from cronstack.ledger.rows import OPEN
from cronstack.occurrence import scheduled_id
from cronstack_infra.ops.doctor.drift.compare import command
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.requests import NotRead
from cronstack_infra.ops.doctor.scene import Scene
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.plural import counted

NEWEST: Final = 100
"""Runs of each job that are compared."""
BACK: Final = 2 * 86_400_000
"""Milliseconds. Runs that were due earlier are not compared."""
SETTLED: Final = 60_000
"""Milliseconds after which the index must show a row. It is usually behind for less than a second."""


@dataclass(frozen=True)
class Facts:
    index: Mapping[str, Any] | None
    """The index as DescribeTable describes it."""
    absent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Occurrences that wait and that the index does not show, by job."""


def check(scene: Scene) -> Iterator[Finding | NotRead]:
    """Yield a finding if the index is missing, not ready, or behind."""
    table = scene.deployment.ledger
    described = scene.requests.ask("dynamodb", "describe_table", TableName=table) or {}
    indexes = described.get("Table", {}).get("GlobalSecondaryIndexes", ())
    index = next((index for index in indexes if index["IndexName"] == INDEX), None)
    absent: dict[str, Sequence[str]] = {}
    if index is not None:
        jobs = list(scene.jobs)
        scene.requests.clients("dynamodb")
        for job, found in zip(jobs, scene.requests.each(lambda job: _absent(scene, job), jobs), strict=True):
            if isinstance(found, NotRead):
                yield found
                return
            absent[job] = found
    yield from judge(table, Facts(index, absent))


def _absent(scene: Scene, job: str) -> Sequence[str]:
    """Return the runs of a job that wait, and that the index does not show."""
    with scene.requests.translating():
        reader, now = Reader(scene.requests.clients("dynamodb"), scene.deployment.ledger), scene.now()
        first, last = scheduled_id(now - BACK), scheduled_id(now)
        runs = list(reader.runs(job, first, last, size=NEWEST, most=NEWEST))
        waiting = {run.occurrence for run in runs if run.status in OPEN and now - max(run.ended, run.due) > SETTLED}
        if not waiting:
            return ()
        lists = open_lists(job, by_code=False)
        shown = {entry.key[1].partition("#")[2] for entry in reader.entries(lists, first=0)}
        return sorted(waiting - shown)
    return ()


def judge(table: str, facts: Facts) -> Iterator[Finding]:
    where, describe = f"index {INDEX}", command("aws", "dynamodb", "describe-table", "--table-name", table)
    why = "Strays, open runs and plans are found through the index."
    if facts.index is None:
        yield Finding("error", where, f"the table {table} has no index {INDEX}", why, describe)
        return
    status = facts.index.get("IndexStatus", "ACTIVE")
    if status != "ACTIVE" or facts.index.get("Backfilling"):
        yield Finding("warning", where, f"its status is {status}, so it does not show all rows yet", why, describe)
    for job, occurrences in facts.absent.items():
        if occurrences:
            shown = ", ".join(occurrences[:3]) + (", …" if len(occurrences) > 3 else "")
            count = counted(len(occurrences), "run")
            what = f"{count} of {job} waits for an attempt, and the index does not show it after a minute: {shown}"
            yield Finding("error", where, what, why, f"cronstack dead-letters redrive {job} --dry-run")
