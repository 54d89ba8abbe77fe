"""Collect what is known of each job, of a deployed template or of declarations. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack.deployed.job_metadata import FUNCTION, METADATA, JobMetadata, ScheduleMetadata
from cronstack_infra.ops.cost import assumptions
from cronstack_infra.ops.cost.bill import Deployed
from cronstack_infra.ops.cost.measured import Measured
from cronstack_infra.ops.cost.month import Month, starts_of
from cronstack_infra.ops.cost.usage import JobFacts

ALARM: Final = "AWS::CloudWatch::Alarm"
_WATCHDOG_HANDLER: Final = "cronstack.watchdog."
_METRICS: Final = "CRONSTACK_METRICS"


def with_watchdog(jobs: Mapping[str, JobMetadata]) -> dict[str, JobMetadata]:
    """Return the jobs, and the watchdog that each new stack has."""
    schedules = (ScheduleMetadata(assumptions.WATCHDOG_SCHEDULE),)
    watchdog = JobMetadata(assumptions.WATCHDOG, schedules, retries=0, memory=assumptions.WATCHDOG_MEMORY, timeout=240)
    return {assumptions.WATCHDOG: watchdog, **jobs}


def deployed_form(template: Mapping[str, Any]) -> Deployed:
    """Return how a template deploys its stack: its alarms, its watchdog, its metrics, its processor."""
    resources = list(template.get("Resources", {}).values())
    functions = [one.get("Properties", {}) for one in resources if one.get("Type") == FUNCTION]
    own = [one.get("Properties", {}) for one in resources if _is_of_cronstack(one)]
    alarms = [one.get("Properties", {}) for one in resources if one.get("Type") == ALARM]
    watchdog = any(str(one.get("Handler", "")).startswith(_WATCHDOG_HANDLER) for one in functions)
    others = [one for one in functions if not str(one.get("Handler", "")).startswith(_WATCHDOG_HANDLER)]
    chosen = {one.get("Environment", {}).get("Variables", {}).get(_METRICS) for one in others}
    return Deployed(
        watchdog,
        sum(map(_metrics_of, alarms)),
        # A stack with a watchdog has metrics, unless it sets "none". An older one has neither.
        metrics=watchdog and chosen != {"none"},
        metrics_per_job="job" in chosen,
        x86=any("x86_64" in one.get("Architectures", ["x86_64"]) for one in own),
    )


def _is_of_cronstack(resource: Mapping[str, Any]) -> bool:
    """Return whether a resource is a function of Cronstack: a project may add others of any architecture."""
    return resource.get("Type") == FUNCTION and METADATA in resource.get("Metadata", {})


def _metrics_of(alarm: Mapping[str, Any]) -> int:
    """Return the number of metrics that an alarm reads. Expressions over them cost nothing."""
    return sum("MetricStat" in metric for metric in alarm.get("Metrics", ())) or 1


def facts_of(
    jobs: Mapping[str, JobMetadata],
    month: Month,
    *,
    measured: Mapping[str, Measured] | None = None,
    seconds: Mapping[str, float] | None = None,
    plans: Mapping[str, int] | None = None,
) -> list[JobFacts]:
    """Return the facts of each job. ``seconds`` and ``plans`` are given by the user, by job."""
    return [
        JobFacts(
            job,
            starts_of(job, month),
            (measured or {}).get(name) or Measured(),
            (seconds or {}).get(name),
            (plans or {}).get(name, 0),
            assumptions.watchdog_seconds(len(jobs)) if name == assumptions.WATCHDOG else assumptions.SECONDS,
        )
        for name, job in jobs.items()
    ]
