"""Dead-letters, throttled, event-age, undelivered and clock: what AWS's services report of themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cronstack.ledger.rows import RunItem
from cronstack.watchdog.checks.attempts import SKEW
from cronstack.watchdog.scene import DAY, HOUR, MINUTE, SECOND, Cause, Finding

OLD: Final = 4 * DAY
"""Milliseconds after which a dead letter is old. SQS deletes it after 14 days."""
EVERY: Final = HOUR
"""Milliseconds between two reads of Lambda's metrics: CloudWatch charges for each metric that is read."""
_BEHIND: Final = 5 * MINUTE
"""Milliseconds after which CloudWatch certainly shows a value."""
_MOST: Final = 3 * HOUR
"""Milliseconds of metrics that one pass reads at most, for example after an outage."""


class Metric(NamedTuple):
    """A metric of Lambda, and the value in one hour from which it is a finding."""

    name: str
    statistic: str
    least: float
    cause: Cause


METRICS: Final = (
    Metric("Throttles", "Sum", 100, "throttled"),
    Metric("AsyncEventAge", "Maximum", float(15 * MINUTE), "event-age"),
    Metric("AsyncEventsDropped", "Sum", 1, "undelivered"),
    Metric("DestinationDeliveryFailures", "Sum", 1, "undelivered"),
)
"""Lambda's metrics exist per function, and without a dimension for all functions of the account and Region."""


def next_queues(before: Mapping[str, int], letters: Mapping[str, int], now: int) -> dict[str, int]:
    """Return since when each queue is not empty, by URL."""
    return {url: before.get(url, now) for url, count in letters.items() if count}


def check_letters(
    queues: Mapping[str, int], letters: Mapping[str, int], ages: Mapping[str, float], now: int
) -> list[Finding]:
    """Return the finding of old dead letters. ``ages``: seconds, of the queues for which CloudWatch has the metric."""
    old = {
        url: min(since, now - round(ages[url] * SECOND)) if url in ages else since
        for url, since in queues.items()
        if now - since >= OLD and ages.get(url, OLD) * (SECOND if url in ages else 1) >= OLD
    }
    if not old:
        return []
    facts = {"queues": {url.rpartition("/")[2]: letters[url] for url in old}}
    return [Finding("", "dead-letters", min(old.values()), facts)]


def metrics_since(last: int, now: int) -> int:
    """Return the time from which Lambda's metrics are read. ``last``: of the last read, epoch milliseconds or 0.

    Reads are a little more than an hour apart, and CloudWatch shows a value some minutes later. So a read begins before
    the last one, and no value is left out.
    """
    return min(now - EVERY, max(last - _BEHIND, now - _MOST))


def check_metrics(values: Mapping[str, Mapping[str, float]], now: int) -> list[Finding]:
    """Return findings of Lambda's metrics in the last hour. ``values``: of each job, by the metric's name."""
    found = []
    for job, of_job in values.items():
        over = [metric for metric in METRICS if of_job.get(metric.name, 0) >= metric.least]
        for cause in dict.fromkeys(metric.cause for metric in over):
            of_cause = {metric.name: of_job[metric.name] for metric in over if metric.cause == cause}
            found.append(Finding(job, cause, now - EVERY, {"metrics": of_cause}, fingerprint=" ".join(of_cause)))
    return found


def check_clock(job: str, runs: Iterable[RunItem], aws: int) -> list[Finding]:
    """Return the finding of rows with impossible times. ``aws``: AWS's time, epoch milliseconds."""
    for run in runs:
        ahead = max(run.started, run.ended) - aws
        back = run.started - run.ended if run.ended and run.status in ("succeeded", "dead", "retrying") else 0
        if max(ahead, back) > SKEW:
            facts = {"occurrence": run.occurrence, "milliseconds": max(ahead, back), "ahead": ahead > SKEW}
            return [Finding(job, "clock", max(run.started, run.ended), facts)]
    return []


def check_own_clock(own: int, aws: int | None) -> list[Finding]:
    """Return the finding of the watchdog's own clock, compared with the date of an answer of AWS."""
    if aws is None or abs(own - aws) <= SKEW:
        return []
    return [Finding("", "clock", aws, {"milliseconds": abs(own - aws), "ahead": own > aws})]
