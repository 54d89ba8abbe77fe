"""Delays in a simulation: starts that a quota made late, missed occurrences, and deferrals by the guard. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from cronstack.guard.deferral import OUTAGE
from cronstack.guard.due import EARLY
from cronstack.guard.letters import MISSED
from cronstack_infra.plural import counted
from cronstack_infra.switches.settings import Switches

_WHAT: Final = {"invocations": "firing", "concurrency": "event"}
_UNITS: Final = {"invocations": " a second", "concurrency": " sandboxes"}
_DEFERRED: Final = {EARLY: "because the event was early", OUTAGE: "because the ledger did not answer"}
"""Reasons of deferred deliveries that are counted, in words."""


class Start(NamedTuple):
    """The start or the miss of an occurrence, with its delay."""

    job: str
    occurrence: str
    due: str
    seconds: float


@dataclass
class Held:
    """Firings or events that waited for a quota."""

    count: int = 0
    longest: float = 0.0
    """Seconds."""


class Delays:
    """Counts of delays in the events of a trace."""

    def __init__(self) -> None:
        self.quotas: dict[str, int] = {}
        """The quotas in force, by switch."""
        self.latest: Start | None = None
        """The start that was latest after its due time."""
        self.missed = 0
        """Occurrences that could not start before their start deadline."""
        self.missed_letters = 0
        """Dead letters that report a missed occurrence."""
        self.latest_missed: Start | None = None
        self.deferred = dict.fromkeys(_DEFERRED, 0)
        """Number of deliveries that deferred their occurrence to a carrier, by reason."""
        self.held: dict[str, Held] = {}
        """Waits by quota. An event that never gets a sandbox is not among them: it becomes a dead letter."""

    def count_held(self, event: Mapping[str, Any]) -> None:
        """Count an event "held" of the engine."""
        held = self.held.setdefault(event["quota"], Held())
        held.count += 1
        held.longest = max(held.longest, event["seconds"])

    def count_attempt(self, event: Mapping[str, Any]) -> None:
        """Count an attempt's row: the first of an occurrence, a miss, or a deferral."""
        if event["outcome"] == "deferred" and event["reason"] in self.deferred:
            self.deferred[event["reason"]] += 1
        missed = event["outcome"] == "missed"
        if not (missed or event["attempt"] == 1) or not event["due"]:
            return
        late = (datetime.fromisoformat(event["began"]) - datetime.fromisoformat(event["due"])).total_seconds()
        start = Start(event["job"], event.get("key") or event["occurrence"], event["due"], late)
        if missed:
            self.missed += 1
            self.latest_missed = _later(self.latest_missed, start)
        else:
            self.latest = _later(self.latest, start)

    def count_letter(self, event: Mapping[str, Any]) -> None:
        """Count an event "dead_letter"."""
        self.missed_letters += event["reason"] == MISSED

    def set_quotas(self, switches: Switches) -> None:
        """Store the quotas of the switches."""
        quotas = {"invocations": switches.invocations, "concurrency": switches.concurrency}
        self.quotas = {quota: limit for quota, limit in quotas.items() if limit is not None}

    def lines(self) -> list[str]:
        """Return the report: the latest start and the waits by quota, the missed and the deferred occurrences."""
        return [*self._of_quotas(), *self._of_missed(), *self._of_deferred()]

    def as_json(self) -> dict[str, Any]:
        """Return the same report as JSON values."""
        return {
            "quotas": self.quotas,
            "latest_start": self.latest._asdict() if self.latest is not None else None,
            "held": {quota: vars(held) for quota, held in sorted(self.held.items())},
            **self.missed_and_deferred(),
        }

    def missed_and_deferred(self) -> dict[str, Any]:
        """Return the missed and deferred occurrences as JSON values."""
        return {"missed": self.missed, "missed_letters": self.missed_letters, "deferred": dict(self.deferred)}

    def _of_quotas(self) -> list[str]:
        if not self.quotas:
            return []
        lines = []
        if self.latest is not None:
            lines.append(f"Latest start: {_seconds(self.latest.seconds)} after its time ({_named(self.latest)}).")
        for quota, limit in self.quotas.items():
            lines.append(f"Quota {quota}, {limit:,}{_UNITS[quota]}: {self._waited(quota)}.")
        return lines

    def _of_missed(self) -> list[str]:
        if self.latest_missed is None:
            return []
        named = f"{_named(self.latest_missed)}, {_seconds(self.latest_missed.seconds)} late"
        letters = counted(self.missed_letters, "dead letter")
        return [f"Missed by their start deadline: {self.missed:,} with {letters}, the last {named}."]

    def _of_deferred(self) -> list[str]:
        parts = [f"{count:,} {_DEFERRED[reason]}" for reason, count in self.deferred.items() if count]
        return [f"Deferred to a carrier: {', '.join(parts)}."] if parts else []

    def _waited(self, quota: str) -> str:
        held = self.held.get(quota)
        if held is None:
            return "nothing waited"
        return f"{counted(held.count, _WHAT[quota])} waited, {_seconds(held.longest)} at most"


def _later(known: Start | None, start: Start) -> Start:
    return start if known is None or start.seconds > known.seconds else known


def _named(start: Start) -> str:
    return f"{start.job} {start.occurrence}, due {start.due[:19].replace('T', ' ')}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s"
