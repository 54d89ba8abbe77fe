"""The bill of a month: usage times prices. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cronstack_infra.ops.cost import assumptions, usage
from cronstack_infra.ops.cost.month import Month
from cronstack_infra.ops.cost.prices import DATE, FREE, PRICES, USUAL, Prices
from cronstack_infra.ops.cost.usage import JobFacts, Usage

STACK: Final = "(stack)"
"""Name of the line for alarms and metrics."""
SERVICES: Final[Mapping[str, str]] = {
    "write_units": "ledger",
    "read_units": "ledger",
    "table_gigabytes": "ledger",
    "backup_gigabytes": "ledger",
    "invocations": "lambda",
    "gigabyte_seconds": "lambda",
    "gigabyte_seconds_x86": "lambda",
    "schedules_fired": "scheduler",
    "queue_requests": "queues",
    "log_gigabytes": "logs",
    "stored_log_gigabytes": "logs",
    "alarm_metrics": "metrics",
    "custom_metrics": "metrics",
    "metrics_read": "metrics",
}
"""The column of each price."""
COLUMNS: Final = tuple(dict.fromkeys(SERVICES.values()))
NOT_INCLUDED: Final = (
    "the handlers' own requests to AWS and their storage",
    "data transfer, NAT gateways and VPC endpoints",
    "notifications of SNS, secrets, X-Ray and taxes",
)


@dataclass(frozen=True)
class Deployed:
    """How a stack is deployed, as far as it has a price. The default is that of a new stack."""

    watchdog: bool = True
    alarm_metrics: int = assumptions.ALARM_METRICS
    metrics: bool = True
    """Whether the log lines of jobs contain metrics."""
    metrics_per_job: bool = False
    x86: bool = False


@dataclass(frozen=True)
class Line:
    """The cost of one job, of the watchdog, or of the stack."""

    name: str
    runs: int
    used: Usage
    dollars: Mapping[str, float]
    """By service."""
    seconds: float | None = None
    source: str = ""
    """Where the duration comes from: "given", "measured" or "assumed"."""

    @property
    def total(self) -> float:
        return sum(self.dollars.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "runs": self.runs,
            "seconds": self.seconds,
            "duration": self.source or None,
            "dollars": round(self.total, 6),
            "by_service": {name: round(amount, 6) for name, amount in self.dollars.items()},
            "used": dict(self.used),
        }


@dataclass(frozen=True)
class Bill:
    """The cost of a month, the most expensive line first."""

    month: Month
    region: str
    """Region of the prices."""
    lines: Sequence[Line]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def total(self) -> float:
        return sum(line.total for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        return {
            "month": self.month.name,
            "from": self.month.first.isoformat().replace("+00:00", "Z"),
            "to": self.month.last.isoformat().replace("+00:00", "Z"),
            "currency": "USD",
            "prices": {"region": self.region, "date": DATE},
            "total": round(self.total, 6),
            "lines": [line.as_json() for line in self.lines],
            "not_included": list(NOT_INCLUDED),
            "notes": list(self.notes),
        }


def bill(
    facts: Sequence[JobFacts], month: Month, region: str, *, deployed: Deployed | None = None, free_tier: bool = False
) -> Bill:
    """Return the bill of some jobs. A job named "watchdog" is the watchdog."""
    form = deployed or Deployed()
    prices, notes = PRICES.get(region), []
    if prices is None:
        notes.append(f"the prices of {region} are not known: those of {USUAL} are used, which are often lower")
        prices, region = PRICES[USUAL], USUAL
    lines = [_line(one, month, form, facts) for one in facts]
    hours = frozenset[int]().union(*(one.starts.hours for one in facts if one.job.job != assumptions.WATCHDOG))
    of_stack = usage.of_stack(form.alarm_metrics, hours, month, metrics=form.metrics)
    lines.append(Line(STACK, 0, of_stack, {}))
    share = _free_shares(lines) if free_tier else {}
    if free_tier:
        notes.append("the free tier is one for all stacks of an account; here this stack has all of it")
    priced = [replace(line, dollars=_dollars(line.used, prices, share)) for line in lines]
    return Bill(month, region, sorted(priced, key=lambda line: (-line.total, line.name)), tuple(notes))


def _line(one: JobFacts, month: Month, form: Deployed, facts: Sequence[JobFacts]) -> Line:
    name, runs = one.job.job, one.starts.count + one.plans
    is_watchdog = name == assumptions.WATCHDOG
    used = usage.of_job(one, month, metrics=form.metrics, x86=form.x86)
    if is_watchdog:
        others = [other for other in facts if other.job.job != assumptions.WATCHDOG]
        occurrences = sum(other.starts.count for other in others)
        keyed = sum(other.job.by_code for other in others)
        used = usage.added(used, usage.of_watchdog(runs, len(others) + 1, keyed, occurrences, month))
    elif form.metrics_per_job:
        used = usage.added(used, usage.of_stack(0, one.starts.hours, month))
    return Line(name, runs, used, {}, one.duration, one.source)


def _free_shares(lines: Sequence[Line]) -> dict[str, float]:
    """Return the share of each amount that is billed after the free amount."""
    total = usage.added(*(line.used for line in lines))
    return {name: max(0.0, total[name] - free) / total[name] for name, free in FREE.items() if total.get(name)}


def _dollars(used: Usage, prices: Prices, share: Mapping[str, float]) -> dict[str, float]:
    dollars = dict.fromkeys(COLUMNS, 0.0)
    for name, amount in used.items():
        dollars[SERVICES[name]] += amount * getattr(prices, name) * share.get(name, 1.0)
    return dollars
