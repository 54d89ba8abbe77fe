"""``once``: one-time occurrences from application code, in any Lambda function or server.

    from cronstack import once

    once.schedule("remind", key=f"order-{order}", after=timedelta(days=3), input={"order": order})
    once.move("remind", f"order-{order}", at="2027-03-28T09:00", timezone="Europe/Berlin")
    once.cancel("remind", f"order-{order}")

``once()`` in ``@job(schedule=once())`` declares that code may schedule the job. What is promised, and what happens when
somebody dies in the middle, stands in ``planning``. (The room is not called ``once``: importing a submodule of that
name would overwrite the object in the face.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from cronstack import clock, planning
from cronstack.declaration import ONCE, Job, When
from cronstack.driver import drive
from cronstack.entropy import SYSTEM, Randomness
from cronstack.errors import EventError, OnceError, Unavailable
from cronstack.event import planned_event
from cronstack.occurrence import is_job_name, is_key, print_time
from cronstack.payload import check_input
from cronstack.planning import Plan
from cronstack.plans import Order, Wiring
from cronstack.seam import DELIVERED_AGAIN, Host, Steps
from cronstack.settings import once_variable
from cronstack.transport import Botocore, Transport
from cronstack.wall import Disambiguation, Moment, after, moment

if TYPE_CHECKING:
    from cronstack.many import Progress, Result
    from cronstack.rows import RunItem

_T = TypeVar("_T")
Past = Literal["refuse", "run"]
PATIENCE: Final = 20.0
"""Seconds after which a call gives up on a service that does not answer."""


def from_environment(job: str) -> Wiring:
    """How the job is reached, as ``grant_schedule`` has written it. Raises OnceError where it has not."""
    variable = once_variable(job)
    text = os.environ.get(variable)
    wiring = None
    if text:
        try:
            wiring = Wiring.read(text)
        except (ValueError, TypeError):
            raise OnceError(
                f"the environment variable {variable} is not what Cronstack wrote", remedy="Deploy again."
            ) from None
    if wiring is None or wiring.job != job:
        raise OnceError(
            f"this code was not granted to schedule the job {job!r}",
            remedy=f"In infra/resources.py: stack.grant_schedule({job!r}, function); a server sets {variable} to the"
            " stack's output of that job.",
        )
    return wiring


class Once:
    """Made without arguments it speaks to AWS, by the wiring in the environment; a test or a tool gives its own."""

    def __init__(
        self,
        *,
        wiring: Callable[[str], Wiring] = from_environment,
        transport: Transport | None = None,
        now: Callable[[], int] = clock.now_ms,
        monotonic: Callable[[], float] = clock.monotonic,
        sleep: Callable[[float], None] = clock.sleep,
        randomness: Randomness = SYSTEM,
    ) -> None:
        self._wiring, self._now, self._monotonic, self._sleep = wiring, now, monotonic, sleep
        self._transport = transport
        self._randomness = randomness

    def __call__(self) -> When:
        """In a declaration, ``@job(schedule=once())``: code may schedule this job."""
        return When(ONCE, "UTC")

    def schedule(
        self,
        job: str | Job,
        *,
        key: str,
        at: datetime | str | None = None,
        after: float | timedelta | None = None,
        timezone: str | None = None,
        disambiguation: Disambiguation = "reject",
        input: Mapping[str, Any] | None = None,
        replace: bool = False,
        past: Past = "refuse",
    ) -> Plan:
        """Have ``job`` run once under ``key``. The same call again is the same plan: outcome "unchanged".

        at: an aware datetime, or an ISO time with an offset, or a local one with ``timezone``.
        after: seconds, or a timedelta, from now. Exactly one of the two is given.
        disambiguation: which instant is meant where the clocks skip a local time or show it twice (see ``wall``).
            Defaults to "reject".
        input: what the handler is given as ``run.input``. Defaults to {}.
        replace: the key may stand for another time or input, or have been cancelled: plan it anew. Defaults to False.
        past: "run" starts at once what was due already. Defaults to "refuse".

        Raises OnceError (nothing was sent), OnceConflict (the key stands for something else), Unavailable (ask again).
        """
        wiring, key = self._reach(job), _key(key)
        when = self._when(at, after, timezone, disambiguation, past, lambda: self.get(job, key))
        order = self._order(wiring, key, when, input, after is not None)
        return self.drive(lambda host: planning.schedule(order, wiring, host, replace=replace))

    def move(
        self,
        job: str | Job,
        key: str,
        *,
        at: datetime | str | None = None,
        after: float | timedelta | None = None,
        timezone: str | None = None,
        disambiguation: Disambiguation = "reject",
        past: Past = "refuse",
    ) -> Plan:
        """Give it another time. Outcome "moved", "unchanged", "too late" (it has begun, or was cancelled), "unknown".

        Raises OnceError, Unavailable.
        """
        wiring, key = self._reach(job), _key(key)
        due, asked = self._when(at, after, timezone, disambiguation, past)
        return self.drive(lambda host: planning.move(wiring, host, key, due, asked))

    def cancel(self, job: str | Job, key: str) -> Plan:
        """Take it back. Outcome "cancelled": no attempt begins any more; "too late": one has begun; "unknown".

        Raises OnceError, Unavailable.
        """
        wiring, key = self._reach(job), _key(key)
        return self.drive(lambda host: planning.cancel(wiring, host, key))

    def get(self, job: str | Job, key: str) -> Plan:
        """How it stands; status "" and outcome "unknown" for a key of which nothing is known (any more)."""
        wiring, key = self._reach(job), _key(key)
        return self.drive(lambda host: planning.get(wiring, host, key))

    def list(self, job: str | Job, *, prefix: str = "", status: str | None = None) -> Iterator[Plan]:
        """All that code has scheduled for the job and the ledger still knows, in no order of their own.

        prefix: of the key. status: of the run, such as "planned". It reads the job's rows; they cost by their size.
        """
        wiring = self._reach(job)
        for run in self.rows(wiring):
            if run.key.startswith(prefix) and status in (None, run.status):
                yield planning.plan_of(wiring.job, run)

    def schedule_many(
        self,
        job: str | Job,
        orders: Any,
        *,
        concurrency: int = 10,
        progress: Progress | None = None,
        **defaults: Any,
    ) -> Iterator[Result]:
        """Schedule many, some at once; see ``many``. A fault of one key is that key's result."""
        from cronstack.many import schedule_many

        self.connect()  # before several threads call ``schedule``
        schedule = partial(self.schedule, job)
        return schedule_many(schedule, orders, concurrency=concurrency, progress=progress, defaults=defaults)

    def sweep(self, job: str | Job) -> Iterator[Plan]:
        """Give plans that were left without a schedule theirs, and yield them; for a job that runs now and then.

        A plan is left when whoever made it died before its schedule, or when somebody deleted that by hand.
        """
        wiring = self._reach(job)
        for run in self.rows(wiring):
            if planning.is_left(run, self._now()):
                yield self.drive(partial(_mend, wiring, run))

    # -- parts of them -------------------------------------------------------------------------------------------------
    def _reach(self, job: str | Job) -> Wiring:
        name = job.name if isinstance(job, Job) else job
        if not is_job_name(name):
            raise OnceError(f"{name!r} is no job's name", remedy="Give the job itself, or its name.")
        return self._wiring(name)

    def _when(
        self,
        at: datetime | str | None,
        span: float | timedelta | None,
        timezone: str | None,
        disambiguation: Disambiguation,
        past: Past,
        stands: Callable[[], Plan] | None = None,
    ) -> Moment:
        """``stands`` tells what the key stands for: the same call again, when its time has come, is the same plan."""
        if (at is None) == (span is None):
            raise OnceError("when? Say at=… or after=…, one of them")
        if past not in ("refuse", "run"):
            raise OnceError(f"past={past!r}", remedy='It can be "refuse" or "run".')
        now = self._now()
        if span is not None:
            return after(span, now)
        assert at is not None
        asked = moment(at, timezone=timezone, disambiguation=disambiguation)
        if asked.due > now:
            return asked
        known = stands() if stands is not None else None
        if known is not None and known.status and known.reason != "cancelled" and _is_same(known, asked, past):
            return asked._replace(due=known.due)
        if past == "refuse":
            raise OnceError(
                f"{asked.asked} is past: it was {timedelta(seconds=(now - asked.due) // 1000)} ago",
                remedy='Say past="run" to run it at once, or another time.',
            )
        return asked._replace(due=after(0, now).due)

    def _order(self, wiring: Wiring, key: str, when: Moment, input: Mapping[str, Any] | None, relative: bool) -> Order:
        try:
            given = check_input({} if input is None else input)
            order = Order(key, when.due, when.asked, given, relative)
            planned_event(wiring.job, key, 1, due=order.due, input=given)  # before a row says that it is planned
        except EventError as fault:
            raise OnceError(
                f"{wiring.job} {key[:80]!r}, due {print_time(when.due)}: {fault.args[0]}", remedy=fault.remedy
            ) from None
        return order

    def rows(self, wiring: Wiring) -> Iterator[RunItem]:
        """For tools: all that code has scheduled, as the ledger has it."""
        start = None
        while True:
            found, start = self.drive(partial(_page, wiring, start))
            yield from found
            if start is None:
                return

    def drive(self, begin: Callable[[Host], Steps[_T]]) -> _T:
        """For tools: carry out steps of ``planning``."""
        ends = self._monotonic() + PATIENCE
        steps = begin(Host(self._now, lambda: ends - self._monotonic(), self._randomness))
        try:
            return drive(steps, self.connect(), sleep=self._sleep)
        except Unavailable as fault:
            if fault.remedy == DELIVERED_AGAIN:
                fault.remedy = "Nobody knows whether it was done; ask again, with the same key and content."
            raise

    @contextmanager
    def using(self, transport: Transport) -> Iterator[None]:
        """Send the requests of all threads by ``transport`` within the block: for tests and simulations."""
        before, self._transport = self._transport, transport
        try:
            yield
        finally:
            self._transport = before

    def connect(self) -> Transport:
        """Return the transport: made at the first call and kept. One thread must call this before several do."""
        if self._transport is None:
            self._transport = Botocore()
        return self._transport


def _is_same(known: Plan, asked: Moment, past: Past) -> bool:
    """Planned for that very time, or begun at once because it was past."""
    return known.due == asked.due or (past == "run" and known.asked == asked.asked)


def _mend(wiring: Wiring, run: RunItem, host: Host) -> Steps[Plan]:
    return planning.mend(wiring, host, run)


def _page(wiring: Wiring, start: Any, host: Host) -> Steps[tuple[Any, Any]]:
    return planning.page(wiring, host, start)


def _key(key: object) -> str:
    if not is_key(key):
        shown = f"{key!r:.60}" if isinstance(key, str) else f"of type {type(key).__name__}"
        raise OnceError(
            f"the key {shown} is none: it is text of 1 to 1,024 bytes",
            remedy='Take what makes it the same thing when it is asked for again, such as "order-4711".',
        )
    return str(key)


once: Final = Once()
