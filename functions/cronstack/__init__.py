"""Cronstack: scheduled functions that run on time and once. Runs of a job never overlap, and none is lost.

This package is deployed to Lambda. Its public names load lazily: ``from cronstack import job, cron, Run`` loads only
the declaration, because each import lengthens the cold start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cronstack.declaration import Job, at, cron, job, rate
    from cronstack.errors import (
        CommitRefused,
        CronstackError,
        DeclarationError,
        LeaseLost,
        MisuseError,
        OnceConflict,
        OnceError,
        PermanentError,
        RetryLater,
        ScheduleError,
        Unavailable,
    )
    from cronstack.onetime.once import once
    from cronstack.run import Run
    from cronstack.timetable.instants import Schedule, parse

__all__ = [
    "CommitRefused",
    "CronstackError",
    "DeclarationError",
    "Job",
    "LeaseLost",
    "MisuseError",
    "OnceConflict",
    "OnceError",
    "PermanentError",
    "RetryLater",
    "Run",
    "Schedule",
    "ScheduleError",
    "Unavailable",
    "at",
    "cron",
    "job",
    "once",
    "parse",
    "rate",
]

_MODULE_OF = {
    "CommitRefused": "errors",
    "CronstackError": "errors",
    "DeclarationError": "errors",
    "LeaseLost": "errors",
    "MisuseError": "errors",
    "OnceConflict": "errors",
    "OnceError": "errors",
    "PermanentError": "errors",
    "RetryLater": "errors",
    "ScheduleError": "errors",
    "Unavailable": "errors",
    "Job": "declaration",
    "at": "declaration",
    "cron": "declaration",
    "rate": "declaration",
    "job": "declaration",
    "Run": "run",
    "once": "onetime.once",
    "Schedule": "timetable.instants",
    "parse": "timetable.instants",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'cronstack' has no attribute {name!r}")
    value = getattr(import_module(f"cronstack.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
