"""The declaration of a job as its template has it: the metadata of the job's function. Pure.

Tools that look at a deployed stack must not import the code of its jobs. So ``aws`` writes the values that they need
into the template, and they read them with CloudFormation's GetTemplate. The metadata changes nothing at AWS.

    "Metadata": {"Cronstack": {"job": "daily_stats", "schedules": [{"expression": "cron(0 6 * * ? *)", …}], …}}

A reader ignores fields that it does not know, and uses the default of a field that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cronstack.defaults import DEFAULTS, OnMissed, Overlap

METADATA: Final = "Cronstack"
"""Key in the metadata of a resource."""
FUNCTION: Final = "AWS::Lambda::Function"


class ScheduleMetadata(NamedTuple):
    """One declared schedule. ``number`` of the deployed schedule = its place in ``JobMetadata.schedules``, from 1."""

    expression: str
    """EventBridge's own expression, such as ``cron(0 6 * * ? *)``, ``rate(5 minutes)`` or ``at(2026-12-24T18:00:00)``.
    """
    timezone: str = "UTC"
    start: str | None = None
    """ISO 8601 with an offset."""
    end: str | None = None
    window: int = 0
    """Minutes of its flexible window; 0 for none."""


class JobMetadata(NamedTuple):
    """The values of a declared job that tools need. Units are those of ``declaration.job``."""

    job: str
    schedules: tuple[ScheduleMetadata, ...] = ()
    """Without ``once()``."""
    enabled: bool = True
    by_code: bool = False
    """Whether application code may schedule it (``once()``)."""
    overlap: Overlap = DEFAULTS.overlap
    retries: int = DEFAULTS.retries
    timeout: int = DEFAULTS.timeout
    memory: int = DEFAULTS.memory
    start_deadline: int = DEFAULTS.start_deadline
    on_missed: OnMissed = DEFAULTS.on_missed
    alert_after: int = DEFAULTS.alert_after
    late_after: int = DEFAULTS.late_after
    overrun_after: int | None = None
    """None: the timeout."""
    where: str = ""
    """File and line of the declaration."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object for the template. Values of None are left out."""
        fields = self._asdict() | {"schedules": [_given(schedule._asdict()) for schedule in self.schedules]}
        return _given(fields)


def read_metadata(fields: Mapping[str, Any]) -> JobMetadata:
    """Return the metadata of one function. Raise TypeError if it has no job."""
    known = {name: fields[name] for name in JobMetadata._fields if name in fields}
    schedules = tuple(
        ScheduleMetadata(**{name: given[name] for name in ScheduleMetadata._fields if name in given})
        for given in fields.get("schedules", ())
    )
    return JobMetadata(**{**known, "schedules": schedules})


def jobs_of_template(template: Mapping[str, Any]) -> dict[str, JobMetadata]:
    """Return the jobs of a template, as GetTemplate or the CDK returns it, by name."""
    jobs = {}
    for resource in template.get("Resources", {}).values():
        fields = resource.get("Metadata", {}).get(METADATA)
        if resource.get("Type") == FUNCTION and isinstance(fields, Mapping) and "job" in fields:
            jobs[str(fields["job"])] = read_metadata(fields)
    return dict(sorted(jobs.items()))


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
