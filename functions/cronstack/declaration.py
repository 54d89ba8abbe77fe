"""The declaration of a job: ``@job`` above a handler, and ``cron``, ``rate``, ``at`` inside it.

This module validates nothing. A module with jobs must import quickly in Lambda, also after its ``at()`` has passed.
So ``@job`` only records its arguments, with file and line. ``cronstack_infra.discovery`` validates them at synth, in
``cronstack list`` and in tests.

(The module is not named ``job``: importing a submodule of that name would overwrite the decorator ``cronstack.job``.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cronstack.defaults import DEFAULTS, OnMissed, Overlap

if TYPE_CHECKING:
    from datetime import datetime

    from cronstack.run import Run

Handler = Callable[["Run"], object]
"""A handler: takes the run, and returns a JSON value that the ledger stores."""


ONCE: Final = "once()"
"""Marks a job that code may schedule (``once()``), among the job's schedules. EventBridge has no such expression."""


class When(NamedTuple):
    """One declared schedule, as written. ``expression`` is EventBridge's own string, such as ``rate(5 minutes)``."""

    expression: str
    timezone: str | None
    start: datetime | None = None
    end: datetime | None = None
    window: int | None = None
    """Minutes after each instant within which Scheduler may start it; None: no flexible window."""


def cron(
    fields: str,
    *,
    timezone: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    window: int | None = None,
) -> When:
    """Declare a schedule of six fields, "minutes hours day-of-month month day-of-week year". ``timezone`` is required.

    ``start`` and ``end`` are aware datetimes between which the job runs. ``window`` is the number of minutes, 1 to
    1440, over which Scheduler spreads the starts after each instant. Discovery validates all of these.
    """
    return When(f"cron({fields})", timezone, start, end, window)


def rate(every: str, *, start: datetime | None = None, end: datetime | None = None) -> When:
    """Declare a schedule with a fixed period. ``every`` is a count and a unit: "1 minute", "6 hours", "2 days".

    The period is elapsed time: a clock change does not alter it. ``end`` is an aware datetime after which the job does
    not run. Discovery refuses ``start`` and shows the cron to use instead.
    """
    return When(f"rate({every})", "UTC", start, end)


def at(local: str, *, timezone: str | None = None) -> When:
    """Declare one run, at a local time "yyyy-mm-ddThh:mm:00" of ``timezone``, which is required."""
    return When(f"at({local})", timezone)


class Job(NamedTuple):
    """A declared job. This object is the Lambda handler: ``jobs.<module>.<function>`` is its name."""

    function: Handler
    """The user's function. ``daily_stats.function(run)`` calls it without the guard."""
    name: str
    schedules: tuple[When, ...]
    overlap: Overlap
    retries: int
    timeout: int
    memory: int
    start_deadline: int
    lease: int | None
    permanent: tuple[type[BaseException], ...]
    input: Mapping[str, Any]
    env: Mapping[str, str]
    enabled: bool
    on_missed: OnMissed
    alert_after: int
    late_after: int
    overrun_after: int | None
    file: str
    line: int

    @property
    def by_code(self) -> bool:
        """Whether application code may schedule the job."""
        return any(isinstance(when, When) and when.expression == ONCE for when in self.schedules)

    @property
    def where(self) -> str:
        """ "file:line" of the declaration."""
        return f"{self.file}:{self.line}"

    @property
    def handler(self) -> str:
        """The Lambda handler string, "jobs.daily.daily_stats"."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def __call__(self, event: Any, context: Any) -> Any:
        """Handle an event of Lambda: run the function behind the guard (see ``runtime``)."""
        from cronstack.runtime import handle

        return handle(self, event, context)


def job(
    *,
    schedule: When | Sequence[When] = (),
    name: str | None = None,
    overlap: Overlap = DEFAULTS.overlap,
    retries: int = DEFAULTS.retries,
    timeout: int = DEFAULTS.timeout,
    memory: int = DEFAULTS.memory,
    start_deadline: int | None = None,
    lease: int | None = None,
    permanent: Sequence[type[BaseException]] = (),
    input: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    enabled: bool = True,
    on_missed: OnMissed = DEFAULTS.on_missed,
    alert_after: int = DEFAULTS.alert_after,
    late_after: int = DEFAULTS.late_after,
    overrun_after: int | None = None,
) -> Callable[[Handler], Job]:
    """Declare the function below as a job.

    schedule: one of ``cron()``, ``rate()``, ``at()``, ``once()`` (by application code), or a list of them. Without
        one, the job runs only when triggered.
    name: the job's name, unique in the project. Defaults to the function's name.
    overlap: "skip", "buffer_one" or "allow" an occurrence that is due while another one runs. Defaults to "skip".
    retries: attempts after the first, 0 to 20. The first retry starts after a minute. Each further pause is twice as
        long, at most an hour. Defaults to 2.
    timeout: seconds an attempt may take, 1 to 900. Defaults to 60.
    memory: megabytes, 128 to 10240. Defaults to 256.
    start_deadline: seconds after the due time, or after the end of its ``window``, by which the first attempt must
        start, 60 to 86400. A later occurrence is missed, with a dead letter. Defaults to 3600; with ``once()`` to
        86400, less the longest window.
    lease: seconds after which a killed attempt is detected, 10 to the timeout. The handler must renew the lease by
        ``run.extend()``. Defaults to none: the lease lasts as long as Lambda lets the attempt run.
    permanent: exception classes that no retry can fix. They create a dead letter at once. Defaults to none.
    input: a JSON object that every occurrence receives as ``run.input``. Defaults to {}.
    env: environment variables of the function. Defaults to {}.
    enabled: False deploys the schedules paused. Defaults to True.
    on_missed: what the watchdog does when an occurrence never arrived: "report" it, or also "run" it. The overlap
        policy applies to that run. Defaults to "report".
    alert_after: failed runs in a row after which the watchdog notifies, 1 to 100. Defaults to 1.
    late_after: seconds after the due time, or after the end of its ``window``, at which the watchdog reports an
        occurrence that has not started, 60 to 86400. Defaults to 300.
    overrun_after: seconds after its start at which the watchdog reports a running attempt, 1 to 86400. Defaults to the
        timeout.
    """

    # Any other value, such as ``once`` without parentheses, is recorded too: discovery reports it with file and line.
    is_single = isinstance(schedule, When) or not hasattr(schedule, "__iter__")
    schedules: Any = (schedule,) if is_single else tuple(schedule)

    def declare(function: Handler) -> Job:
        return Job(
            function=function,
            name=function.__name__ if name is None else name,
            schedules=schedules,
            overlap=overlap,
            retries=retries,
            timeout=timeout,
            memory=memory,
            start_deadline=_default_start_deadline(schedules) if start_deadline is None else start_deadline,
            lease=lease,
            permanent=tuple(permanent),
            input={} if input is None else input,
            env={} if env is None else env,
            enabled=enabled,
            on_missed=on_missed,
            alert_after=alert_after,
            late_after=late_after,
            overrun_after=overrun_after,
            file=function.__code__.co_filename,
            line=function.__code__.co_firstlineno,
        )

    return declare


def _default_start_deadline(schedules: Sequence[object]) -> int:
    """Return the start deadline of a job that gives none. With ``once()`` and a window it fits Scheduler's limit."""
    whens = [when for when in schedules if isinstance(when, When)]
    if not any(when.expression == ONCE for when in whens):
        return DEFAULTS.start_deadline
    window = max((when.window for when in whens if type(when.window) is int), default=0)
    return max(DEFAULTS.start_deadline, DEFAULTS.start_deadline_of_plans - 60 * window)
