"""The time zone data of this machine, of the machine that deployed, and of EventBridge Scheduler.

No API shows the data of Scheduler. The ledger does: its rows have the instants at which Scheduler has fired. If the
newest ones of several days are all the same quarters of an hour away from instants of the schedule by the data of this
machine, the two have different rules. A few rows of operators do not count. This proves nothing about clock changes to
come.

The data of Lambda's image is not known: no API shows it. The runtime uses it only for bounds of schedules and for local
times that a handler asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from importlib import resources
from pathlib import Path
from typing import Any, Final
from zoneinfo import TZPATH, ZoneInfo

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.errors import ScheduleError
from cronstack.occurrence import print_time, scheduled_id, split_generation, to_datetime, to_milliseconds
from cronstack.timetable.instants import Schedule, parse
from cronstack.timetable.zones import zone
from cronstack_infra.ops.doctor import zone_rules
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.requests import NotRead
from cronstack_infra.ops.doctor.scene import Scene
from cronstack_infra.ops.ledger.reader import Reader

NEWEST: Final = 50
"""Runs of each job that are compared."""
BACK: Final = 35 * 86_400_000
"""Milliseconds. Older rows are deleted."""
STEP: Final = timedelta(minutes=15)
MOST: Final = timedelta(hours=3)
"""Zones differ by a multiple of STEP, up to MOST."""
SEVERAL: Final = 3
"""Days on which runs must have the same offset from the timetable."""
UPDATE: Final = "update the time zone data of this machine (tzdata of the system, and: pip install --upgrade tzdata)"


@dataclass(frozen=True)
class Facts:
    """``here`` and ``package`` are digests by zone, of the years from ``year`` on."""

    zones: Sequence[str]
    year: int
    here: Mapping[str, str]
    """Digests by the data that Python uses here."""
    package: Mapping[str, str] = field(default_factory=dict)
    """Digests by the package ``tzdata``, if Python uses the data of the system and the package is installed too."""
    deployed: Mapping[str, Any] = field(default_factory=dict)
    """What the synthesis has recorded."""
    fired: Mapping[str, Sequence[datetime]] = field(default_factory=dict)
    """Instants at which Scheduler has fired, by job."""


def check(scene: Scene) -> Iterator[Finding | NotRead]:
    """Yield differences between the time zone data of this machine and that of others."""
    jobs = {name: job for name, job in scene.jobs.items() if zone_rules.zones_of([job])}
    recorded = scene.about.get("zones", {})
    zones = zone_rules.zones_of(jobs.values())
    year = int(recorded.get("year", to_datetime(scene.now()).year))
    here: dict[str, str] = {}
    for name in zones:
        try:
            here[name] = zone_rules.digest(zone(name), year)
        except ScheduleError:
            why = "Tools on this machine cannot compute times of the jobs in this zone."
            yield Finding("warning", "this machine", f"this machine does not know the zone {name}", why, UPDATE)
    package = {name: zone_rules.digest(of, year) for name in here if (of := _packaged(name)) is not None}
    fired: dict[str, Sequence[datetime]] = {}
    scene.requests.clients("dynamodb")
    for job, found in zip(jobs, scene.requests.each(lambda job: _fired(scene, job), jobs), strict=True):
        if isinstance(found, NotRead):
            yield found
            break
        fired[job] = found
    yield from judge(Facts(list(here), year, here, package, recorded, fired), jobs)


def judge(facts: Facts, jobs: Mapping[str, JobMetadata]) -> Iterator[Finding]:
    by_synthesis, source = facts.deployed.get("zones", {}), facts.deployed.get("source", "unknown")
    years = f"{facts.year} to {facts.year + zone_rules.YEARS - 1}"
    for name in facts.zones:
        if name in facts.package and facts.package[name] != facts.here[name]:
            what = f"the system and Python's package tzdata have different clock changes for {name} in {years}"
            why = "Tools on this machine may compute other times than those on another one."
            yield Finding("warning", "this machine", what, why, UPDATE)
        if name in by_synthesis and by_synthesis[name] != facts.here[name]:
            what = f"{name} has other clock changes in {years} than on the machine that deployed (tzdata {source})"
            why = "cronstack next, diff and backfill compute other times here than there."
            yield Finding(
                "warning", "this machine", what, why, f"{UPDATE}, or deploy again from a machine with new data"
            )
    for job, instants in facts.fired.items():
        yield from _differing(jobs[job], instants)


def _differing(job: JobMetadata, instants: Sequence[datetime]) -> Iterator[Finding]:
    """Yield a finding if the newest runs have the same offset from the timetable, on several days.

    Runs of operators have ids like those of Scheduler. Other zone rules shift every instant since they apply.
    """
    schedules = schedules_of(job)
    if len(schedules) < len(job.schedules) or not all(schedule.has_grid for schedule in schedules):
        return
    shifted: dict[timedelta, list[datetime]] = {}
    for instant in sorted(instants, reverse=True):
        if any(schedule.has(instant) for schedule in schedules):
            break
        for offset in _offsets(schedules, instant):
            shifted.setdefault(offset, []).append(instant)
    for offset in sorted(shifted, key=abs):
        if len({instant.date() for instant in shifted[offset]}) >= SEVERAL:
            newest = shifted[offset][0]
            what = f"Scheduler fired {job.job} at {_iso(newest)}; this machine computes {_iso(newest - offset)}"
            why = (
                "Scheduler has other time zone rules: tools on this machine report missed runs, or backfill wrong ones."
            )
            yield Finding("error", "this machine", what, why, UPDATE)
            return


def _iso(instant: datetime) -> str:
    return print_time(to_milliseconds(instant))


def _offsets(schedules: Sequence[Schedule], instant: datetime) -> set[timedelta]:
    """Return the whole quarters of an hour, up to MOST, by which an instant differs from those of the schedules."""
    offsets = set()
    for schedule in schedules:
        for near in schedule.after(instant - MOST - timedelta(seconds=1)):
            if near > instant + MOST:
                break
            if near != instant and (near - instant) % STEP == timedelta():
                offsets.add(instant - near)
    return offsets


def schedules_of(job: JobMetadata) -> list[Schedule]:
    """Return the schedules of a job's declaration, without those that this Cronstack cannot read."""
    read = []
    for given in job.schedules:
        start, end = (datetime.fromisoformat(bound) if bound else None for bound in (given.start, given.end))
        try:
            read.append(parse(given.expression, timezone=given.timezone, start=start, end=end, window=given.window))
        except ScheduleError:
            continue
    return read


def _fired(scene: Scene, job: str) -> Sequence[datetime]:
    """Return the due times of a job's latest runs, since its schedules were changed last."""
    with scene.requests.translating():
        first = max(scene.now() - BACK, _changed(scene, job))
        reader = Reader(scene.requests.clients("dynamodb"), scene.deployment.ledger)
        runs = reader.runs(job, scheduled_id(first), scheduled_id(scene.now()), size=NEWEST, most=NEWEST)
        return [to_datetime(run.due) for run in runs if split_generation(run.occurrence)[0].startswith("t-")]
    return ()


def _changed(scene: Scene, job: str) -> int:
    """Return when the schedules of a job were changed last, in epoch milliseconds."""
    latest = 0
    for number in range(1, len(scene.jobs[job].schedules) + 1):
        name = f"{scene.stack.name}-{job}.{number}"
        got = scene.requests.ask("scheduler", "get_schedule", GroupName=scene.deployment.group, Name=name)
        if got is not None:
            latest = max(latest, int(got["LastModificationDate"].timestamp() * 1000))
    return latest


def _packaged(name: str) -> tzinfo | None:
    """Return a zone by the package tzdata, if Python prefers other data here."""
    if not any(Path(folder, name).is_file() for folder in TZPATH):
        return None
    try:
        with (resources.files("tzdata.zoneinfo").joinpath(*name.split("/"))).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (ModuleNotFoundError, OSError, ValueError):
        return None
