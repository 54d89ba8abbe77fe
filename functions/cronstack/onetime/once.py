"""``once``: one-time occurrences from application code, in any Lambda function or server.

    from cronstack import once

    once.schedule("remind", key=f"order-{order}", after=timedelta(days=3), input={"order": order})
    once.move("remind", f"order-{order}", at="2027-03-28T09:00", timezone="Europe/Berlin")
    once.cancel("remind", f"order-{order}")

``once()`` in ``@job(schedule=once())`` declares that code may schedule the job. ``planner`` lists the guarantees, and
the state after a caller was killed in between. (This module is in a package, because importing a submodule ``once`` of
``cronstack`` would overwrite the object ``cronstack.once``.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from cronstack import clock
from cronstack.declaration import ONCE, Job, When
from cronstack.driver import drive
from cronstack.entropy import SYSTEM, Randomness
from cronstack.errors import Argument, EventError, OnceError, Unavailable
from cronstack.event import planned_event
from cronstack.ledger.listings import query_keys
from cronstack.ledger.partitions import plan_partitions
from cronstack.ledger.rows import UNSTARTED_PLANS
from cronstack.occurrence import HIGHEST_REVISION, is_job_name, is_key, print_time
from cronstack.onetime import planner
from cronstack.onetime.planner import Plan
from cronstack.onetime.schedules import Order, Wiring
from cronstack.payload import check_input
from cronstack.settings import once_variable
from cronstack.steps import DELIVERED_AGAIN, Call, Host, Steps
from cronstack.timetable.local_time import Disambiguation, Moment, after, moment
from cronstack.timing.aws_clock import AwsClock
from cronstack.transport import Botocore, Transport

if TYPE_CHECKING:
    from cronstack.ledger.rows import PlanItem
    from cronstack.onetime.bulk import Progress, Result

_T = TypeVar("_T")
Past = Literal["refuse", "run"]
PATIENCE: Final = 20.0
"""Seconds after which a call gives up if a service does not answer."""


def from_environment(job: str) -> Wiring:
    """Return the job's wiring, which ``grant_schedule`` writes into the environment. Raise OnceError without it."""
    variable = once_variable(job)
    text = os.environ.get(variable)
    wiring = None
    if text:
        try:
            wiring = Wiring.read(text)
        except (ValueError, TypeError):
            raise OnceError(
                f"the environment variable {variable} has no value of Cronstack: {text[:60]!r}", remedy="Deploy again."
            ) from None
    if wiring is None or wiring.job != job:
        raise OnceError(
            f"this code has no permission to schedule the job {job!r}",
            remedy=f"In infra/resources.py: stack.grant_schedule({job!r}, function); a server sets {variable} to the"
            " stack's output of that job.",
        )
    return wiring


class Once:
    """The API of one-time jobs. Without arguments it uses AWS and the wiring in the environment."""

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
        """Return the declaration that code may schedule a job: ``@job(schedule=once())``."""
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
        """Schedule one run of ``job`` under ``key``. Repeating the call does not change the plan: outcome "unchanged".

        This also holds after the plan was missed: see the plan's ``status``.

        at: an aware datetime, or an ISO time with an offset, or a local one with ``timezone``.
        after: seconds, or a timedelta, from now. Give exactly one of ``at`` and ``after``.
        disambiguation: the instant of a local time that the clocks skip or repeat: "reject", "earlier", "later" or
            "compatible" (see ``local_time``). Defaults to "reject".
        input: the handler's ``run.input``. Defaults to {}.
        replace: plan the key again if it has another time or input, was cancelled, or was missed and gets another
            time. Defaults to False.
        past: "run" starts a past time at once, "refuse" raises OnceError. Defaults to "refuse".

        Raise OnceError (nothing was sent), OnceConflict (the key has another plan), Unavailable (repeat the call).
        """
        wiring, key = self._wiring_of(job), _key(key)
        when = self._when(at, after, timezone, disambiguation, past, lambda: self.get(job, key), replace)
        order = self._order(wiring, key, when, input, after is not None)
        return self.drive(lambda host: planner.schedule(order, wiring, host, replace=replace))

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
        """Change the time of a plan, also after it was missed.

        Outcome: "moved", "unchanged", "too late" (it has started, or was cancelled), "unknown".

        Raise OnceError, Unavailable.
        """
        wiring, key = self._wiring_of(job), _key(key)
        due, asked = self._when(at, after, timezone, disambiguation, past)
        return self.drive(lambda host: planner.move(wiring, host, key, due, asked))

    def cancel(self, job: str | Job, key: str) -> Plan:
        """Cancel a plan. Outcome: "cancelled" (no attempt starts), "too late" (it has started, or was missed),
        "unknown".

        Raise OnceError, Unavailable.
        """
        wiring, key = self._wiring_of(job), _key(key)
        return self.drive(lambda host: planner.cancel(wiring, host, key))

    def get(self, job: str | Job, key: str) -> Plan:
        """Return the plan of a key. With status "" and outcome "unknown", the ledger has no plan of it (any more)."""
        wiring, key = self._wiring_of(job), _key(key)
        return self.drive(lambda host: planner.get(wiring, host, key))

    def list(self, job: str | Job, *, prefix: str = "", status: str | None = None) -> Iterator[Plan]:
        """Yield the job's plans that are still in the ledger, in no particular order.

        prefix: of the keys to read. status: one of "planned", "begun", "missed", "skipped", "cancelled". DynamoDB
        charges for the size of the rows that are read.
        """
        wiring = self._wiring_of(job)
        for plan in self.rows(wiring, prefix):
            if status in (None, plan.status):
                yield planner.plan_of(wiring.job, plan)

    def schedule_many(
        self,
        job: str | Job,
        orders: Any,
        *,
        concurrency: int = 10,
        progress: Progress | None = None,
        **defaults: Any,
    ) -> Iterator[Result]:
        """Schedule many orders, several at a time; see ``bulk``. A fault of an order is the result of this order."""
        from cronstack.onetime.bulk import schedule_many

        self.connect()  # before several threads call ``schedule``
        schedule = partial(self.schedule, job)
        return schedule_many(schedule, orders, concurrency=concurrency, progress=progress, defaults=defaults)

    def sweep(self, job: str | Job) -> Iterator[Plan]:
        """Create the missing schedules of plans, and yield these plans. Call it from a job that runs regularly.

        A plan has no schedule if its caller was killed before CreateSchedule, or if the schedule was deleted by hand.
        Each planned occurrence costs one GetSchedule.
        """
        wiring = self._wiring_of(job)
        for plan in self.rows(wiring):
            if planner.needs_sweep(plan, self._now()):
                made = self.drive(partial(_restore, wiring, plan))
                if made.outcome == "planned":
                    yield made

    # -- helpers -------------------------------------------------------------------------------------------------------
    def _wiring_of(self, job: str | Job) -> Wiring:
        name = job.name if isinstance(job, Job) else job
        if not is_job_name(name):
            raise OnceError(f"{name!r} is not a valid job name", remedy="Pass the job itself, or its name.")
        return self._wiring(name)

    def _when(
        self,
        at: datetime | str | None,
        span: float | timedelta | None,
        timezone: str | None,
        disambiguation: Disambiguation,
        past: Past,
        read_plan: Callable[[], Plan] | None = None,
        replace: bool = False,
    ) -> Moment:
        """Return the time. ``read_plan`` reads the key's plan: repeating a call after its time keeps the plan.

        But with ``replace`` and past="run", a missed plan runs at once.
        """
        if (at is None) == (span is None):
            raise OnceError(Argument("at", at), " and ", Argument("after", span), ": give exactly one of them")
        if past not in ("refuse", "run"):
            raise OnceError(Argument("past", past), " is not valid", remedy='It can be "refuse" or "run".')
        now = self._now()
        if span is not None:
            return after(span, now)
        assert at is not None
        asked = moment(at, timezone=timezone, disambiguation=disambiguation)
        if asked.due > now:
            return asked
        known = read_plan() if read_plan is not None else None
        again = replace and past == "run" and known is not None and known.status in UNSTARTED_PLANS
        if known is not None and known.status not in ("", "cancelled") and _is_same(known, asked, past) and not again:
            return asked._replace(due=known.due)
        if past == "refuse":
            raise OnceError(
                f"{asked.asked} is past: it was {timedelta(seconds=(now - asked.due) // 1000)} ago",
                remedy=("Pass ", Argument("past", "run"), " to run it at once, or another time."),
            )
        return asked._replace(due=after(0, now).due)

    def _order(self, wiring: Wiring, key: str, when: Moment, input: Mapping[str, Any] | None, relative: bool) -> Order:
        try:
            given = check_input({} if input is None else input)
            order = Order(key, when.due, when.asked, given, relative)
            planned_event(
                wiring.job, key, HIGHEST_REVISION, due=order.due, input=given
            )  # refuses before a row is written
        except EventError as fault:
            raise OnceError(
                f"{wiring.job} {key[:80]!r}, due {print_time(when.due)}: {fault.args[0]}", remedy=fault.remedy
            ) from None
        return order

    def rows(self, wiring: Wiring, prefix: str = "") -> Iterator[PlanItem]:
        """Yield the rows of the job's plans whose keys start with ``prefix``. For tools."""
        for partition in plan_partitions(wiring.job):
            start = None
            while True:
                call = query_keys(wiring.ledger, partition, prefix=prefix, start=start)
                plans, start = self.drive(partial(_page, call))
                yield from plans
                if start is None:
                    break

    def drive(self, begin: Callable[[Host], Steps[_T]]) -> _T:
        """Carry out steps of ``planner`` and return their result. For tools."""
        ends = self._monotonic() + PATIENCE

        def left() -> float:
            return ends - self._monotonic()

        host = Host(AwsClock(self._now, self._monotonic), left, left, self._randomness)
        try:
            return drive(begin(host), self.connect(), left=left, sleep=self._sleep)
        except Unavailable as fault:
            if fault.remedy == DELIVERED_AGAIN:
                fault.remedy = "It is unknown whether it was done. Repeat the call with the same key and content."
            raise

    @contextmanager
    def using(self, transport: Transport) -> Iterator[None]:
        """Send the requests of all threads through ``transport`` within the block. For tests and simulations."""
        before, self._transport = self._transport, transport
        try:
            yield
        finally:
            self._transport = before

    def connect(self) -> Transport:
        """Return the transport, created at the first call. That call must come before other threads start."""
        if self._transport is None:
            self._transport = Botocore()
        return self._transport


def _is_same(known: Plan, asked: Moment, past: Past) -> bool:
    """Return whether the plan has that time, or was started at once because that time was past."""
    return known.due == asked.due or (past == "run" and known.asked == asked.asked)


def _restore(wiring: Wiring, plan: PlanItem, host: Host) -> Steps[Plan]:
    return planner.restore(wiring, host, plan)


def _page(call: Call, host: Host) -> Steps[tuple[Any, Any]]:
    return planner.page(host, call)


def _key(key: object) -> str:
    if not is_key(key):
        shown = f"{key!r:.60}" if isinstance(key, str) else f"of type {type(key).__name__}"
        raise OnceError(
            f"the key {shown} is not valid: it must be text of 1 to 1,024 bytes",
            remedy='Choose a key that stays the same when the same thing is scheduled again, such as "order-4711".',
        )
    return str(key)


once: Final = Once()
