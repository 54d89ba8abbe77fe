"""Strays: what waits and nothing brings, schedules that nothing knows, and work of removed jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from cronstack.occurrence import to_datetime
from cronstack_infra.ops.doctor.finding import Finding, Severity
from cronstack_infra.ops.doctor.scene import Scene
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.strays.find import Strays
from cronstack_infra.ops.strays.stray import Kind, Stray

WHY: Final[dict[Kind, tuple[Severity, str]]] = {
    "plan": ("error", "What code has planned does not start at its time."),
    "schedule": ("warning", "It fires an event that no plan knows, and the function refuses it."),
    "carrier": ("warning", "It brings nothing back, and counts as a schedule of the account."),
    "declared": ("error", "A job does not start, or starts at times that the code does not declare."),
    "run": ("error", "A run waits for an attempt that no event will start."),
    "job": ("error", "Its plans and runs wait, and no function can run them."),
}
_DECLARED_MISSING: Final = "deleted by hand"


def check(scene: Scene) -> Iterator[Finding]:
    """Yield the strays. A missing schedule of the stack is left to the check of drift, which can restore it."""
    clients, deployment = scene.requests.clients, scene.deployment
    with scene.requests.translating():
        strays = Strays(clients, deployment, once_of(clients, deployment), scene.now, known=scene.known)
        yield from judge(strays.find(), scene.now())


def judge(strays: Iterable[Stray], now: int) -> Iterator[Finding]:
    for stray in strays:
        if stray.kind == "declared" and _DECLARED_MISSING in stray.what:
            continue
        severity, why = WHY[stray.kind]
        where = f"{stray.kind} {stray.schedule or stray.occurrence or stray.key or stray.job}"
        since = to_datetime(now) - to_datetime(stray.since)
        what = f"{stray.what} (job {stray.job or 'unknown'}, {_ago(since)})"
        yield Finding(severity, where, what, why, "cronstack strays --fix" if stray.fix else stray.remedy)


def _ago(since: timedelta) -> str:
    hours = max(0, since // timedelta(hours=1))
    return f"for {hours // 24} days" if hours >= 48 else f"for {hours} hours" if hours else "for less than an hour"
