"""How late occurrences started in a simulation, and what held them: the quotas of the account. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from cronstack_infra.plural import counted
from cronstack_infra.switches.settings import Switches

_WHAT: Final = {"invocations": "firing", "concurrency": "event"}
_UNITS: Final = {"invocations": " a second", "concurrency": " sandboxes"}


class Start(NamedTuple):
    """An occurrence that started or was missed, and how late that was."""

    job: str
    occurrence: str
    due: str
    seconds: float


@dataclass
class Held:
    """What waited for a quota."""

    count: int = 0
    longest: float = 0.0
    """Seconds."""


class Delays:
    """Counts from the events of a trace."""

    def __init__(self) -> None:
        self.quotas: dict[str, int] = {}
        """The quotas that are played, by switch."""
        self.latest: Start | None = None
        """The start that was latest after its due time."""
        self.missed = 0
        """Occurrences that could not start before their start deadline."""
        self.latest_missed: Start | None = None
        self.held: dict[str, Held] = {}
        """By quota. An event that never got a sandbox is not among them: it is a dead letter."""

    def hold(self, event: Mapping[str, Any]) -> None:
        """Count an event "held" of the engine."""
        held = self.held.setdefault(event["quota"], Held())
        held.count += 1
        held.longest = max(held.longest, event["seconds"])

    def start(self, event: Mapping[str, Any]) -> None:
        """Count an attempt's row: the first one of an occurrence, or the one that missed it."""
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

    def play(self, switches: Switches) -> None:
        """Take note of the quotas that are played."""
        given = {"invocations": switches.invocations, "concurrency": switches.concurrency}
        self.quotas = {quota: limit for quota, limit in given.items() if limit is not None}

    def lines(self) -> list[str]:
        """Return the report: the latest start, what waited for which quota, what was missed. Empty without quotas."""
        if not self.quotas:
            return []
        lines = []
        if self.latest is not None:
            lines.append(f"Latest start: {_seconds(self.latest.seconds)} after its time ({_named(self.latest)}).")
        for quota, limit in self.quotas.items():
            lines.append(f"Quota {quota}, {limit:,}{_UNITS[quota]}: {self._waited(quota)}.")
        if self.latest_missed is not None:
            named = f"{_named(self.latest_missed)}, {_seconds(self.latest_missed.seconds)} late"
            lines.append(f"Missed by their start deadline: {self.missed:,}, the last {named}.")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return {
            "quotas": self.quotas,
            "latest_start": self.latest._asdict() if self.latest is not None else None,
            "held": {quota: vars(held) for quota, held in sorted(self.held.items())},
            "missed": self.missed,
        }

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
