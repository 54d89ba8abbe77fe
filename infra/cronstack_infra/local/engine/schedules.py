"""Schedules of EventBridge Scheduler and scheduled rules of EventBridge: their instants and their deliveries.

    put ──▶ pending (the next instant is on the agenda) ──due──▶ delivery ──▶ delivered
             ▲                                       │              │──▶ refused, retryable → again, with back-off
             └───────────── next instant ◀───────────┘              └──▶ permanent, or out of retries or age
                                                                          → dead letter, or dropped

A delivery keeps its configuration even if its schedule changes. A failing delivery never delays another. When the
clock jumps ahead, only the latest missed instant of a recurring schedule fires, and the engine reports how many it
skipped (see ``passed``). When the clock is set back, a recurring schedule follows it. The start deadline of a job
decides what a late occurrence does. An at() fires once, however late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from cronstack.timetable.instants import Schedule
from cronstack_infra.local.engine import records, rule_events
from cronstack_infra.local.engine.agenda import Agenda
from cronstack_infra.local.engine.chance import chance, letters
from cronstack_infra.local.engine.pace import Pace
from cronstack_infra.local.engine.skipped_instants import JUMP, latest
from cronstack_infra.local.engine.timetables import grid, timetable
from cronstack_infra.local.engine.transforming import CannotTransform
from cronstack_infra.local.engine.values import (
    DeleteSchedule,
    Deliver,
    Report,
    ScheduleConfig,
    SendRecord,
    Target,
    TargetError,
)
from cronstack_infra.switches.settings import Switches

_EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
_MOMENT: Final = timedelta(microseconds=1)


@dataclass
class _Entry:
    """A schedule and its state."""

    config: ScheduleConfig
    timetable: Schedule
    anchor: datetime
    """First instant of a rate() without StartDate."""
    turn: int
    """Grows with each change. Agenda items with an older turn are void."""
    fired: datetime | None = None
    pending: datetime | None = None
    expected: datetime | None = None
    """Time at which the engine expects to handle ``pending``."""
    deliveries: int = 0

    @property
    def once(self) -> bool:
        return self.timetable.kind == "at"


@dataclass
class _Delivery:
    number: int
    config: ScheduleConfig
    target: Target
    scheduled: datetime
    scheduled_time: datetime
    """The value of <aws.scheduler.scheduled-time> (see the switch ``scheduled_time``)."""
    attempt: int = 1
    copy: int = 0
    due: datetime | None = None
    """Time of the next attempt, after a refusal or because of the quota."""


class PendingDelivery(NamedTuple):
    """A delivery that waits for a retry, or for Scheduler's quota of invocations."""

    schedule_arn: str
    function_arn: str
    due: datetime


@dataclass(frozen=True)
class DueFiring:
    """On the agenda: an instant of a schedule."""

    arn: str
    turn: int
    instant: datetime


@dataclass(frozen=True)
class DueDelivery:
    """On the agenda: the next attempt of a delivery. ``refusal`` is of the previous attempt."""

    number: int
    refusal: TargetError


@dataclass(frozen=True)
class DueHeld:
    """On the agenda: a delivery that waits for Scheduler's quota of invocations."""

    number: int


_HELD: Final = TargetError("ThrottlingException", "Scheduler's quota of invocations per second was exceeded.", 429)


class Schedules:
    def __init__(self, agenda: Agenda, switches: Switches) -> None:
        self._agenda = agenda
        self.switches = switches
        self._entries: dict[str, _Entry] = {}
        self._deliveries: dict[int, _Delivery] = {}
        self._pace = Pace()
        self._turns = 0
        self._numbers = 0

    def put(self, config: ScheduleConfig, now: datetime) -> None:
        """Handle a created or updated schedule. Raises ScheduleError for an invalid expression or time zone."""
        old = self._entries.get(config.arn)
        kept = old is not None and self._keeps_grid(old.config, config)
        anchor = old.anchor if old is not None and kept else now.replace(microsecond=0)
        self._turns += 1
        entry = _Entry(config, timetable(config, anchor), anchor, self._turns)
        if old is not None:
            entry.fired, entry.deliveries = old.fired, old.deliveries
        self._entries[config.arn] = entry
        if not config.enabled:
            self._report(entry)
            return
        if old is not None and kept and old.pending is not None and old.expected is not None and old.pending <= now:
            # The instant has come; only its second within the minute has not.
            self._await_instant(entry, old.pending, min(old.expected, now))
        else:
            first = self._first(entry, now, new=not kept)
            if first is not None and first == entry.fired and not entry.once:  # it has fired early
                first = next(entry.timetable.after(first), None)
            if first is not None:
                self._await_instant(entry, first, now)
        self._report(entry)

    def delete(self, arn: str) -> None:
        """Delete a schedule. Deliveries under way continue."""
        self._entries.pop(arn, None)

    def pending(self) -> tuple[PendingDelivery, ...]:
        """Return the deliveries that wait, with the time of the next attempt."""
        return tuple(
            PendingDelivery(delivery.config.arn, delivery.target.arn, delivery.due)
            for delivery in self._deliveries.values()
            if delivery.due is not None
        )

    def due_firing(self, item: DueFiring, now: datetime) -> None:
        entry = self._entries.get(item.arn)
        if entry is None or entry.turn != item.turn:
            return
        entry.pending = None
        following: datetime | None = item.instant
        if not entry.once and entry.expected is not None and now - entry.expected >= JUMP:
            following = self._latest(entry, item.instant, now)
        if following == item.instant:
            self._fire(entry, item.instant, now)
            following = None if entry.once else next(entry.timetable.after(item.instant), None)
        if following is not None:
            self._await_instant(entry, following, now)
        self._complete(entry)

    def due_delivery(self, item: DueDelivery, now: datetime) -> None:
        delivery = self._deliveries[item.number]
        if now - delivery.scheduled > timedelta(seconds=delivery.target.max_age):
            self._give_up(delivery, item.refusal, "MaximumEventAgeInSeconds")
            return
        delivery.attempt += 1
        self._attempt(delivery, now)

    def due_held(self, item: DueHeld, now: datetime) -> None:
        delivery = self._deliveries[item.number]
        if now - delivery.scheduled > timedelta(seconds=delivery.target.max_age):
            self._give_up(delivery, _HELD, "MaximumEventAgeInSeconds")
        else:
            self._deliver(delivery)

    def delivered(self, number: int) -> None:
        """Handle a delivery that the target accepted."""
        self._conclude(self._deliveries[number])

    def refused(self, number: int, refusal: TargetError, now: datetime) -> None:
        """Handle a delivery that the target's API refused."""
        delivery = self._deliveries[number]
        if self._permanent(refusal):
            self._give_up(delivery, refusal, None)
        elif delivery.attempt > delivery.target.max_retries:
            self._give_up(delivery, refusal, "MaximumRetryAttempts")
        else:
            wait = self._back_off(delivery)
            delivery.due = now + timedelta(seconds=wait)
            self._agenda.add(delivery.due, DueDelivery(number, refusal))
            fields = {
                "schedule": delivery.config.arn,
                "scheduled": records.utc(delivery.scheduled),
                "attempt": delivery.attempt + 1,
                "in_seconds": round(wait, 3),
                "reason": refusal.code,
            }
            self._agenda.effects.append(Report("retry", fields))

    def set_back(self, now: datetime) -> None:
        """Handle a clock that was set back: every recurring schedule waits for its next instant after the new time."""
        self._pace.reset()
        for entry in self._entries.values():
            if entry.once or entry.pending is None:
                continue
            self._turns += 1
            entry.turn, entry.pending = self._turns, None
            following = next(entry.timetable.after(now), None)
            if following is not None:
                self._await_instant(entry, following, now)

    # instants

    def _keeps_grid(self, old: ScheduleConfig, new: ScheduleConfig) -> bool:
        """Return whether an update keeps the instants of a schedule."""
        restarts = self.switches.rate_anchor == "update" and new.start is None and new.expression.startswith("rate(")
        return not restarts and grid(old) == grid(new)

    def _first(self, entry: _Entry, now: datetime, *, new: bool) -> datetime | None:
        """Return a schedule's next instant after a change."""
        if entry.once:
            instant = next(entry.timetable.after(_EARLIEST))
            if instant == entry.fired and not self.switches.same_at_fires_again:
                return None
            return instant if instant > now or self.switches.past_at == "fires" else None
        if new and entry.timetable.kind == "rate" and entry.config.start is None:
            at_once = self.switches.rate_starts_at_once and not entry.config.is_rule
            return next(entry.timetable.after(entry.anchor - _MOMENT if at_once else entry.anchor), None)
        return next(entry.timetable.after(now), None)

    def _await_instant(self, entry: _Entry, instant: datetime, since: datetime) -> None:
        """Add an instant to the agenda. ``since``: start of the wait."""
        entry.pending = instant
        due, switches = instant, self.switches
        if switches.spread:
            due += timedelta(seconds=switches.spread * chance(switches.seed, "second", entry.config.arn, instant))
        if entry.config.window:
            due += timedelta(minutes=entry.config.window * chance(switches.seed, "window", entry.config.arn, instant))
        if switches.early:
            due -= timedelta(seconds=switches.early * chance(switches.seed, "early", entry.config.arn, instant))
        # AWS guarantees no order within a minute. This order is the same in every run, and `--dry` uses it as well:
        # a waiting occurrence checks the slot before the next one is due. ``play.prove`` checks the guard in any order.
        self._agenda.add(due, DueFiring(entry.config.arn, entry.turn, instant), early=entry.once)
        entry.expected = max(due, since)

    def _latest(self, entry: _Entry, instant: datetime, now: datetime) -> datetime:
        """Return the latest instant that is due, and report the instants that are skipped."""
        chosen, passed = latest(entry.timetable, instant, now)
        if passed is not None:
            span = {"first": records.utc(passed.first), "last": records.utc(passed.last)}
            fields = {"schedule": entry.config.arn, "count": passed.number}
            self._agenda.effects.append(Report("passed_over", {**fields, **span}))
        return chosen

    def _back_off(self, delivery: _Delivery) -> float:
        doubled = self.switches.delivery_retry_base * 2.0 ** min(delivery.attempt - 1, 32)
        whole = min(doubled, self.switches.delivery_retry_most)
        jitter = chance(self.switches.seed, "retry", delivery.config.arn, delivery.scheduled, delivery.attempt)
        return whole / 2 + whole / 2 * jitter

    def _permanent(self, refusal: TargetError) -> bool:
        return 400 <= refusal.status < 500 and refusal.status != 429 and refusal.code not in self.switches.retried_codes

    # deliveries

    def _fire(self, entry: _Entry, instant: datetime, now: datetime) -> None:
        entry.fired = instant
        function = records.short(entry.config.targets[0].arn) if entry.config.targets else ""
        fields = {"schedule": entry.config.arn, "scheduled": records.utc(instant), "function": function}
        if now - instant > JUMP + timedelta(minutes=entry.config.window):
            fields["late"] = str(int((now - instant).total_seconds()))
        self._agenda.effects.append(Report("fired", fields))
        share = self.switches.duplicates
        actual = self.switches.scheduled_time == "actual" and entry.config.window > 0
        scheduled_time = now.replace(microsecond=0) if actual else instant
        twice = share > 0 and chance(self.switches.seed, "duplicate", entry.config.arn, instant) < share
        for copy in range(2 if twice else 1):
            for target in entry.config.targets:
                self._numbers += 1
                delivery = _Delivery(self._numbers, entry.config, target, instant, scheduled_time, copy=copy)
                self._deliveries[delivery.number] = delivery
                entry.deliveries += 1
                self._attempt(delivery, now)

    def _attempt(self, delivery: _Delivery, now: datetime) -> None:
        """Deliver now, or when the quota of invocations allows it."""
        quota = self.switches.invocations
        wait = self._pace.wait(quota, now) if quota else timedelta()
        if not wait:
            self._deliver(delivery)
            return
        delivery.due = now + wait
        self._agenda.add(delivery.due, DueHeld(delivery.number))
        fields = {"quota": "invocations", "schedule": delivery.config.arn, "seconds": wait.total_seconds()}
        self._agenda.effects.append(Report("held", fields))

    def _deliver(self, delivery: _Delivery) -> None:
        delivery.due = None
        config, execution_id = delivery.config, self._execution_id(delivery)
        try:
            text = self._text(delivery, execution_id)
        except CannotTransform as error:
            self._give_up(delivery, TargetError("INVALID_JSON", str(error), 400), None)
            return
        self._agenda.effects.append(
            Deliver(
                delivery.number, config.arn, delivery.target, delivery.scheduled, delivery.attempt, execution_id, text
            )
        )

    def _text(self, delivery: _Delivery, execution_id: str) -> str:
        """Return what the target receives. Raises CannotTransform."""
        config, seed = delivery.config, self.switches.seed
        if config.is_rule:
            return rule_events.text(delivery.target, config.arn, delivery.scheduled, seed)
        return records.payload(
            delivery.target,
            schedule_arn=config.arn,
            scheduled=delivery.scheduled_time,
            execution_id=execution_id,
            attempt=delivery.attempt,
            seed=seed,
        )

    def _execution_id(self, delivery: _Delivery) -> str:
        subject = (delivery.config.arn, delivery.scheduled, delivery.copy, delivery.attempt)
        return letters(16, self.switches.seed, "execution", *subject)

    def _give_up(self, delivery: _Delivery, refusal: TargetError, exhausted: str | None) -> None:
        target = delivery.target
        if target.dead_letters is None:
            fields = {"origin": "delivery", "schedule": delivery.config.arn, "reason": refusal.code}
            fields |= {"scheduled": records.utc(delivery.scheduled), "target": target.arn, "role": target.role_arn}
            self._agenda.effects.append(Report("dropped", {**fields, "error": refusal.message}))
        else:
            body, attributes = self._letter(delivery, refusal, exhausted)
            self._agenda.effects.append(
                SendRecord(
                    "delivery",
                    target.dead_letters,
                    body,
                    refusal.code,
                    attributes,
                    role_arn=None if delivery.config.is_rule else target.role_arn,
                    schedule_arn=delivery.config.arn,
                )
            )
        self._conclude(delivery)

    def _letter(
        self, delivery: _Delivery, refusal: TargetError, exhausted: str | None
    ) -> tuple[str, dict[str, tuple[str, str]]]:
        config, target, seed = delivery.config, delivery.target, self.switches.seed
        fields: dict[str, Any] = {"scheduled": delivery.scheduled, "attempt": delivery.attempt}
        fields |= {"refusal": refusal, "exhausted": exhausted}
        if config.is_rule:
            return rule_events.dead_letter(target, rule_arn=config.arn, seed=seed, **fields)
        execution_id = self._execution_id(delivery)
        text = self._text(delivery, execution_id)
        return records.dead_letter(target, text, schedule_arn=config.arn, execution_id=execution_id, **fields)

    def _conclude(self, delivery: _Delivery) -> None:
        del self._deliveries[delivery.number]
        entry = self._entries.get(delivery.config.arn)
        if entry is not None:
            entry.deliveries = max(entry.deliveries - 1, 0)
            self._complete(entry)

    def _complete(self, entry: _Entry) -> None:
        """Apply ActionAfterCompletion once nothing is left to fire and no delivery is under way."""
        ended = entry.once or entry.config.end is not None
        fired = entry.fired is not None and entry.pending is None and not entry.deliveries
        if entry.config.delete_when_done and entry.config.enabled and ended and fired:
            del self._entries[entry.config.arn]
            self._agenda.effects.append(DeleteSchedule(entry.config.arn))

    def _report(self, entry: _Entry) -> None:
        following = records.utc(entry.pending) if entry.pending is not None else None
        fields = {"schedule": entry.config.arn, "expression": entry.config.expression, "next": following}
        self._agenda.effects.append(Report("scheduled", fields))
