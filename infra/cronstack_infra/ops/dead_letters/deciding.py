"""Decide how a dead letter is redriven, and with which input, by the ledger and the deployed schedules.

Every job may write into the queues of dead letters, and a redrive has the operator's rights. So only the
name of the occurrence in a letter counts: a job, and an id, or a key with a revision. The letter's input, attempt, due
time, generation and time of request are not trusted.

    the ledger has …            state by          input by
    a run                       the run           the event that the run stores; a killed run stores none: then the
                                                  schedule's or the letter's, if its hash equals the hash in the run
    a missed run of a key       the run and the   the event that the run stores
                                plan of its key
    no run, a key               its plan          its plan
    no run, a scheduled time    the schedules     the schedule that has this time, or has it in its window. The time
                                                  must have passed. A time outside start and end is never due
    … and only rates            the sender        the schedules, if Scheduler itself sent the letter
    no run, a trigger           nothing: the letter stays, and an operator decides
    no run, a generation (~2)   nothing: the letter stays, and an operator decides

Under a new name of the job (``--as``) the old name's run or plan decides, then the new name's run if it exists. The
schedules are those of the new name, because the old schedules are deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.errors import OperationError
from cronstack.event import parse_event
from cronstack.ledger.rows import FAILED, FINISHED, PlanItem, RunItem
from cronstack.occurrence import (
    Occurrence,
    canonical,
    payload_hash,
    print_time,
    scheduled_id,
    split_generation,
    to_datetime,
)
from cronstack.timetable import bounds
from cronstack_infra.ops.dead_letters import remedies
from cronstack_infra.ops.dead_letters.facts import Facts
from cronstack_infra.ops.ledger.kept import event_of_plan, event_of_run

SKEW: Final = int(DEFAULTS.skew_margin * 1000)
"""Milliseconds by which this machine's clock may be behind AWS's."""


@dataclass(frozen=True)
class Send:
    """Decision to send the occurrence to its job."""

    occurrence: Occurrence
    run: RunItem | None
    source: str
    """Source of its input: "the ledger", "the plan", "the schedule shop-stats.1", …"""
    missed: bool = False
    """No run exists, and the plan is recorded as missed."""

    @property
    def redrives(self) -> int | None:
        """The attempt of the failed run that is redriven: 0 for a missed run. None: no run has failed for good."""
        if self.run is not None:
            return self.run.attempt if self.run.status in FAILED else None
        return 0 if self.missed else None


@dataclass(frozen=True)
class Done:
    """Decision that nothing is left to do. The letter can be deleted."""

    why: str
    status: str = ""
    """The final status, if known."""


@dataclass(frozen=True)
class Keep:
    """Decision to leave the letter in its queue. An operator has to decide."""

    why: str
    remedy: str


Decision = Send | Done | Keep

_THEN_SKIPPED: Final = "was skipped then, because its job was paused"
_THEN_MISSED: Final = "was missed then, which has its own letter"


def decide(facts: Facts, named: Occurrence, now: int, *, job: str, from_scheduler: bool) -> Decision:
    """Decide about the occurrence that a letter names. Raise OperationError or EventError if the letter must stay.

    now: epoch milliseconds. job: the job's present name. from_scheduler: by SQS's SenderId the letter comes from
    Scheduler or from the job's own function.
    """
    run = facts.run(named.job, named.id)
    if run is not None:
        return by_run(facts, named, run, now, job=job)
    if (nominal := _nominal(facts, named, job)) != named:
        return decide(facts, nominal, now, job=job, from_scheduler=from_scheduler)
    if named.key:
        return _by_plan(named, facts.plan(named.job, named.key), now, job=job)
    if split_generation(named.id)[1] != 1:
        return Keep("the ledger has no run of this generation", remedies.generation(job, named))
    if named.id.startswith("m-"):
        return Keep(
            "the ledger has no run of this trigger, so only the letter has its input", remedies.by_hand(job, named)
        )
    return _by_schedules(facts, named, now, job=job, from_scheduler=from_scheduler)


def _nominal(facts: Facts, named: Occurrence, job: str) -> Occurrence:
    """Return the occurrence whose flexible window contains the named time: a letter of Scheduler may name its start."""
    if not named.id.startswith("t-") or split_generation(named.id)[1] != 1:
        return named
    due = bounds.nominal([deployed.schedule for deployed in facts.schedules(job)], named.due, 0)
    return named if due == named.due else named._replace(id=scheduled_id(due), due=due)


def is_too_old(occurrence: Occurrence, now: int) -> bool:
    """Return whether a job refuses the occurrence without a run: the ledger may have deleted its run by now."""
    return now - occurrence.age_from > DEFAULTS.horizon * 1000


# -- a run -------------------------------------------------------------------------------------------------------------
def by_run(facts: Facts, named: Occurrence, run: RunItem, now: int, *, job: str) -> Decision:
    """Decide by the run of the occurrence."""
    if run.status in FINISHED:
        return Done(f"nothing to do: it has {run.status} already", run.status)
    is_missed = run.status == "missed"
    if is_missed and run.key:
        decision = _by_plan_of_miss(facts, named, run, job)
        if decision is not None:
            return decision
    if named.revision is not None and run.revision not in (0, named.revision):
        if named.revision < run.revision:
            return Done(f"nothing to do: it was moved, and {_THEN_MISSED if is_missed else f'is {run.status}'}")
        return _unknown_revision(named, run.revision, job)
    kept = event_of_run(named.job, run)
    if kept is not None:
        return Send(parse_event(kept, named.job), run, "the ledger")
    for source, input in _candidates(facts, named, job):
        if payload_hash(input) == run.payload:
            return Send(_of_run(named, run, input, now), run, source)
    return Keep(
        f"the ledger has its run ({run.status}) without the input, which neither a schedule nor the letter has",
        remedies.by_hand(job, named),
    )


def by_miss(decided: Decision) -> Decision:
    """Decide about the letter of a miss: the letter is obsolete if the run has started since."""
    if not isinstance(decided, Send) or decided.run is None or decided.run.status == "missed":
        return decided
    letter = "; its death has its own letter" if decided.run.status == "dead" else ""
    return Done(f"nothing to do: it was started since it was missed, and is {decided.run.status}{letter}")


def _by_plan_of_miss(facts: Facts, named: Occurrence, run: RunItem, job: str) -> Decision | None:
    """Decide by the plan of a key whose run was missed. Return None if the plan has not changed."""
    plan = facts.plan(named.job, run.key)
    if plan is None:
        return Keep("the ledger has no plan of its key (any more)", remedies.refused("Forgotten", job, named))
    if plan.revision > run.revision:
        return _planned_again(plan)
    return None


def _planned_again(plan: PlanItem) -> Done:
    states = {
        "planned": f"is planned for {print_time(plan.due)}",
        "begun": "has started",
        "cancelled": "was cancelled",
        "missed": _THEN_MISSED,
        "skipped": _THEN_SKIPPED,
    }
    return Done(f"nothing to do: after it was missed it was planned again, and {states[plan.status]}")


def _of_run(named: Occurrence, run: RunItem, input: dict[str, Any], now: int) -> Occurrence:
    """Return the occurrence of a run that stores no event."""
    return Occurrence(
        named.job,
        run.occurrence,
        run.due,
        input,
        run.payload,
        kind="redrive",
        requested=now,
        generation=split_generation(run.occurrence)[1],
        key=run.key,
        revision=run.revision or None,
    )


def _candidates(facts: Facts, named: Occurrence, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield inputs that may be the input of a run, with their sources. The hash in the run decides."""
    if named.id.startswith("t-"):
        for deployed in facts.schedules(job):
            try:
                yield f"the schedule {deployed.name}", deployed.input_at(named.scheduled)
            except OperationError:
                continue
    yield "the letter, whose input has the hash that the ledger stores", named.input


# -- a plan ------------------------------------------------------------------------------------------------------------
def _by_plan(named: Occurrence, plan: PlanItem | None, now: int, *, job: str) -> Decision:
    assert named.revision is not None, "an event has a key and a revision, or neither"
    if plan is None:
        return Keep("the ledger has no plan of its key (any more)", remedies.refused("Forgotten", job, named))
    if plan.status == "cancelled":
        return Done("nothing to do: it was cancelled")
    if plan.status == "skipped" and named.revision == plan.revision:
        return Done(f"nothing to do: {_THEN_SKIPPED}")
    if named.revision < plan.revision:
        states = {"begun": "has started", "missed": _THEN_MISSED, "skipped": _THEN_SKIPPED}
        state = states.get(plan.status, f"is planned for {print_time(plan.due)}")
        return Done(f"nothing to do: it was moved, and {state}")
    if named.revision > plan.revision:
        return _unknown_revision(named, plan.revision, job)
    if plan.due > now + SKEW:
        return Keep(
            f"it is planned for {print_time(plan.due)}, which is in the future",
            "Its schedule starts it then. To make sure that the schedule exists: cronstack strays",
        )
    event = event_of_plan(named.job, plan)
    if event is None:
        return Keep("its plan contains no event that Cronstack wrote", remedies.refused("Forgotten", job, named))
    planned = parse_event(event, named.job)
    if plan.status != "planned" and is_too_old(planned, now) and now - plan.begun > DEFAULTS.horizon * 1000:
        return Keep("it would be refused (TooOld)", remedies.refused("TooOld", job, planned))
    return Send(planned, None, "the plan", missed=plan.status == "missed")


# -- the schedules -----------------------------------------------------------------------------------------------------
def _by_schedules(facts: Facts, named: Occurrence, now: int, *, job: str, from_scheduler: bool) -> Decision:
    time = print_time(named.due)
    if named.due > now + SKEW:
        return Keep(f"{time} is in the future", f"Its schedule starts it then, if it has one: cronstack next {job}")
    if is_too_old(named._replace(requested=None), now):
        return Keep("it would be refused (TooOld)", remedies.refused("TooOld", job, named))
    schedules = facts.schedules(job)
    if bounds.is_outside([deployed.schedule for deployed in schedules], named.due):
        return Done(f"nothing to do: {time} is outside start and end of its schedule")
    due, enabled = to_datetime(named.due), [deployed for deployed in schedules if deployed.enabled]
    for deployed in enabled:
        if deployed.schedule.has_grid and deployed.schedule.has(due):
            return Send(_scheduled(named, deployed.input_at(named.scheduled)), None, f"the schedule {deployed.name}")
    if any(deployed.schedule.has_grid and deployed.schedule.has(due) for deployed in schedules):
        return Keep(f"the schedule of {job} that has {time} is disabled", remedies.at(job, named))
    rates = [deployed for deployed in enabled if not deployed.schedule.has_grid and deployed.schedule.has(due)]
    if not rates:
        return Keep(f"no deployed schedule of {job} has {time} (any more)", remedies.at(job, named))
    if not from_scheduler:
        return Keep(
            f"{rates[0].name} is a {rates[0].schedule.expression}: only Scheduler can confirm that it was due at"
            f" {time}, and the letter's sender is not known to be Scheduler",
            remedies.at(job, named),
        )
    inputs = {canonical(input): input for input in (rate.input_at(named.scheduled) for rate in rates)}
    if len(inputs) > 1:
        return Keep(f"the rates of {job} have different inputs, and {time} fits each", remedies.at(job, named))
    (input,) = inputs.values()
    return Send(_scheduled(named, input), None, f"the schedule {rates[0].name}")


def _scheduled(named: Occurrence, input: Mapping[str, Any]) -> Occurrence:
    """Return the occurrence that a schedule has at the named time."""
    return Occurrence(named.job, named.id, named.due, dict(input), payload_hash(input))


def _unknown_revision(named: Occurrence, revision: int, job: str) -> Keep:
    return Keep(
        f"the letter has revision {named.revision} of its key, which is later than the ledger's, {revision}",
        f"If the ledger was restored to an earlier time: {remedies.refused('Forgotten', job, named)}",
    )
