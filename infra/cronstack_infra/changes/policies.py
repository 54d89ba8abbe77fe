"""Changes of a job's policies that change its runs, each with its effect. Pure.

Memory is left out: it changes how fast a run is, not when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata
from cronstack_infra.changes.sides import JobSide

_OVERLAP: Final = {"skip": "is skipped", "buffer_one": "waits for its end", "allow": "runs in parallel"}


@dataclass(frozen=True)
class PolicyChange:
    """One policy with another value."""

    name: str
    old: str
    new: str
    effect: str


def compare_policies(old: JobSide, new: JobSide) -> Iterator[PolicyChange]:
    """Yield the policies that differ, in the order of the declaration."""
    if old.has_policies and new.has_policies:
        for name, effect in _EFFECTS.items():
            before, after = getattr(old.job, name), getattr(new.job, name)
            if before != after:
                yield PolicyChange(_NAMES.get(name, name), _value(before), _value(after), effect(old.job, new.job))
    if old.input is not None and new.input is not None and old.input != new.input:
        # The values may be secrets, and this text goes into pull requests.
        yield PolicyChange("input", "another", "changed", "runs of the schedules get another input; plans keep theirs")


def length(seconds: float) -> str:
    """Return "90 s", "5 min", "2 h", "1 h 30 min" or "3 days"."""
    whole = int(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if whole < 120:
        return f"{whole} s" if whole % 60 or whole == 0 else f"{whole // 60} min"
    parts = ((days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def _overlap(old: JobMetadata, new: JobMetadata) -> str:
    return f"an occurrence that is due while another one runs {_OVERLAP[new.overlap]}"


def _retries(old: JobMetadata, new: JobMetadata) -> str:
    return f"a new run has up to {new.retries + 1} attempts; a run that has started keeps its number"


def _timeout(old: JobMetadata, new: JobMetadata) -> str:
    return f"Lambda ends an attempt after {length(new.timeout)}, instead of {length(old.timeout)}"


def _start_deadline(old: JobMetadata, new: JobMetadata) -> str:
    return f"an occurrence that has not started {length(new.start_deadline)} after its time is missed"


def _on_missed(old: JobMetadata, new: JobMetadata) -> str:
    ran = "also runs it" if new.on_missed == "run" else "only reports it"
    return f"when an occurrence never arrived, the watchdog {ran}"


def _alert_after(old: JobMetadata, new: JobMetadata) -> str:
    return f"the watchdog notifies after {new.alert_after} failed run{'' if new.alert_after == 1 else 's'} in a row"


def _late_after(old: JobMetadata, new: JobMetadata) -> str:
    return f"the watchdog reports an occurrence {length(new.late_after)} after its time"


def _overrun_after(old: JobMetadata, new: JobMetadata) -> str:
    seconds = new.timeout if new.overrun_after is None else new.overrun_after
    return f"the watchdog reports an attempt that runs for {length(seconds)}"


def _enabled(old: JobMetadata, new: JobMetadata) -> str:
    return "its schedules fire" if new.enabled else "its schedules are paused; plans, retries and triggers still run"


def _by_code(old: JobMetadata, new: JobMetadata) -> str:
    return "code may plan it with once" if new.by_code else "code may no longer plan it with once"


_EFFECTS: Final = {
    "enabled": _enabled,
    "by_code": _by_code,
    "overlap": _overlap,
    "retries": _retries,
    "timeout": _timeout,
    "start_deadline": _start_deadline,
    "on_missed": _on_missed,
    "alert_after": _alert_after,
    "late_after": _late_after,
    "overrun_after": _overrun_after,
}
"""Fields of ``JobMetadata``."""
_NAMES: Final = {"by_code": "once()"}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "timeout" if value is None else str(value)
