"""Read the facts about one occurrence with boto3 clients. Nothing is changed, and no letter is deleted.

always        DescribeStacks, GetTemplate, ListSchedules, a GetSchedule for each schedule of the job, one Query
              of the job's runs (one GetItem for a key), the lease, the actions, the incidents
further       the plan, the other run, dead letters, carriers, the log: only where the answer needs them
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata, jobs_of_template
from cronstack.guard import carrier
from cronstack.guard.carried import event_of, time_of
from cronstack.ledger import plan_requests
from cronstack.ledger.items import decode, read_lease, read_plan, read_run
from cronstack.ledger.partitions import plan_partitions
from cronstack.ledger.rows import FAILED, LeaseItem, PlanItem, RunItem
from cronstack.ledger.run_requests import get_lease, get_run
from cronstack.occurrence import (
    is_job_name,
    is_planned,
    planned_id,
    scheduled_id,
    split_generation,
    to_datetime,
    to_milliseconds,
)
from cronstack.onetime import schedules as plan_schedules
from cronstack_infra import names
from cronstack_infra.ops.audit import Action, actions_between
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import DENIED, LONG_POLL, list_letters
from cronstack_infra.ops.deployment import Clients, Deployment, deployed_jobs, find_deployment, unknown_job
from cronstack_infra.ops.explaining.asking import Question, first_trigger, read_question
from cronstack_infra.ops.explaining.concerning import concerns
from cronstack_infra.ops.explaining.facts import CarrierSeen, Facts, Logged, Pausing, ScheduleSeen
from cronstack_infra.ops.explaining.logged import read_log
from cronstack_infra.ops.explaining.of_runs import lateness
from cronstack_infra.ops.explaining.of_times import fires, in_window
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.schedules import read_deployed
from cronstack_infra.ops.strays.groups import Groups

MOST_CARRIERS: Final = 200
"""Most carriers of a job that are read."""
MOST_KEYS: Final = 10
"""Most keys of one minute that are named."""
PAUSES: Final = ("pause", "resume")
"""Actions that explain an occurrence that was skipped by a pause."""
THE_STACK: Final = ""
"""Job of actions that concern several jobs."""
MINUTE: Final = timedelta(minutes=1)
_LAST: Final = "\x7f"
"""Sorts after every character of an id."""


def gather(
    clients: Clients,
    stack: str,
    job: str,
    text: str | None,
    key: str | None,
    *,
    now: datetime,
    poll: int = LONG_POLL,
    whole: bool = False,
) -> Facts:
    """Return the facts about an occurrence. Raise OperationError for an unknown stack or job, and an invalid question.

    ``text``: a time or an occurrence; ``key``: a key. ``poll``: seconds of a long poll of an empty queue. ``whole``:
    also read the log and the dead letters of a run that the row explains.
    """
    return _Gathering(clients, stack, job, now, poll, whole).facts(text, key)


class _Gathering:
    """The reads for one question."""

    def __init__(self, clients: Clients, stack: str, job: str, now: datetime, poll: int, whole: bool) -> None:
        self.clients, self.job, self.now, self.poll, self.whole = clients, job, now, poll, whole
        self.deployment: Deployment = find_deployment(clients("cloudformation"), stack)
        self.reader = Reader(clients("dynamodb"), self.deployment.ledger)
        self.groups = Groups(clients("scheduler"))
        self.unread: list[str] = []

    def facts(self, text: str | None, key: str | None) -> Facts:
        declared, deployed = self._declared()
        schedules = self._schedules()
        asked = read_question(self.job, text, key, zone_of(schedules, declared))
        rows = self._rows(asked, schedules, declared)
        asked, run = rows.asked, rows.run
        if not deployed and run is None and rows.plan is None and not schedules:
            self._refuse_unknown()
        lease, pause = self._lease()
        facts = Facts(
            self.now,
            self.deployment.stack,
            self.deployment.ledger,
            asked,
            deployed,
            declared,
            schedules,
            run,
            rows.generations,
            rows.plan,
            lease,
            pause,
            incidents=self._incidents(),
            keys=rows.keys,
        )
        facts = replace(facts, **self._others(facts))
        facts = replace(facts, actions=self._actions(facts), carriers=self._carriers(facts))
        facts = replace(facts, letters=self._letters(facts))
        return replace(facts, logged=self._logged(facts), unread=tuple(self.unread))

    # -- what is deployed ----------------------------------------------------------------------------------------------
    def _declared(self) -> tuple[JobMetadata | None, bool]:
        """Return the job's declaration in the deployed template, and whether the stack has its function."""
        body = self.clients("cloudformation").get_template(StackName=self.deployment.stack)["TemplateBody"]
        jobs = jobs_of_template(body if isinstance(body, dict) else _json(str(body)))
        if self.job in jobs:
            return jobs[self.job], True
        self.known = [*jobs] or [job.name for job in deployed_jobs(self.clients("lambda"), self.deployment)]
        return None, self.job in self.known

    def _refuse_unknown(self) -> None:
        """Raise OperationError unless the ledger has rows of the job, which was then removed."""
        if is_job_name(self.job) and any(self.reader.runs(self.job, "", _LAST, size=1, most=1)):
            return
        raise unknown_job(self.job, self.known, self.deployment)

    def _schedules(self) -> tuple[ScheduleSeen, ...]:
        if not is_job_name(self.job):
            return ()
        group, stack = self.deployment.group, self.deployment.stack
        prefix = names.schedule_name(stack, self.job, 0).removesuffix("0")
        own = [
            name
            for name in self.groups.list(group, _ignore, prefix=prefix)
            if names.job_of_schedule(stack, name) == self.job
        ]
        found = [
            ScheduleSeen(
                read_deployed(got, self.job),
                got.get("CreationDate"),
                got.get("LastModificationDate"),
                got["Target"]["Arn"],
            )
            for _, got in self.groups.get_all(group, own)
            if got is not None
        ]
        return tuple(sorted(found, key=lambda seen: int(seen.deployed.name.rpartition(".")[2])))

    # -- rows ----------------------------------------------------------------------------------------------------------
    def _rows(self, asked: Question, schedules: tuple[ScheduleSeen, ...], declared: JobMetadata | None) -> _Rows:
        if asked.at is None or is_planned(asked.occurrence):
            return self._by_id(asked)
        found = self._generations(asked)
        if found.run is not None or asked.exact:
            return found
        if (instant := in_window(schedules, asked.at)) is not None:
            return self._generations(replace(asked, occurrence=scheduled_id(to_milliseconds(instant)), at=instant))
        if any(fires(seen, asked.at) for seen in schedules):
            return found
        return self._near(asked, declared) or found

    def _generations(self, asked: Question) -> _Rows:
        """Return the runs of an instant, of all generations, in one Query."""
        base, generation = split_generation(asked.occurrence)
        found = [*self.reader.runs(self.job, base, f"{base}~{_LAST}", newest_first=False)]
        runs = sorted(found, key=lambda run: split_generation(run.occurrence)[1])
        if generation > 1 or (asked.exact and "~" in asked.text):
            chosen = next((run for run in runs if run.occurrence == asked.occurrence), None)
        else:
            chosen = runs[-1] if runs else None
        return _Rows(asked, chosen, tuple(runs))

    def _by_id(self, asked: Question) -> _Rows:
        """Return the run and the plan of a key, or the run of a trigger."""
        run = self._run(asked.occurrence)
        key = asked.key or (run.key if run is not None else "")
        plan = self._plan(key) if key else None
        return _Rows(replace(asked, key=key), run, (run,) if run is not None else (), plan)

    def _near(self, asked: Question, declared: JobMetadata | None) -> _Rows | None:
        """Return the only run of a trigger, or the only key, of the minute; the keys of several; None without any."""
        assert asked.at is not None
        first, end = to_milliseconds(asked.at), to_milliseconds(asked.at + MINUTE)
        found = [*self.reader.runs(self.job, first_trigger(first), first_trigger(end), most=MOST_KEYS)]
        wanted = [run.occurrence for run in found]
        if declared is not None and declared.by_code:
            entries = self.reader.entries(plan_partitions(self.job), first=first, last=end - 1, size=MOST_KEYS)
            wanted += dict.fromkeys(entry.key[1] for _, entry in zip(range(MOST_KEYS), entries, strict=False))
        if len(wanted) > 1:
            return _Rows(asked, None, (), keys=tuple(wanted))
        if found:
            return _Rows(replace(asked, occurrence=found[0].occurrence), found[0], (found[0],))
        if wanted:
            return self._by_id(replace(asked, occurrence=planned_id(wanted[0]), key=wanted[0]))
        return None

    def _run(self, occurrence: str) -> RunItem | None:
        return read_run(self.reader.get(get_run(self.deployment.ledger, self.job, occurrence)))

    def _plan(self, key: str) -> PlanItem | None:
        return read_plan(self.reader.get(plan_requests.get(self.deployment.ledger, self.job, key)))

    def _lease(self) -> tuple[LeaseItem, Pausing | None]:
        item = self.reader.get(get_lease(self.deployment.ledger, self.job)) if is_job_name(self.job) else None
        return read_lease(item), pausing_of(item)

    def _others(self, facts: Facts) -> dict[str, Any]:
        """Return the other runs of the page: the one that ran at its time, the one in the slot, the neighbours."""
        run, lease, others = facts.run, facts.lease, dict[str, Any]()
        if run is not None and (other := run.met):
            others["other"] = self._run(other)
        if lease.buffered and lease.buffered != facts.occurrence and (run is None or run.status not in ("succeeded",)):
            others["in_slot"] = self._run(lease.buffered)
        is_rate = any(not seen.deployed.schedule.has_grid for seen in facts.schedules)
        if is_rate and run is None and facts.plan is None and facts.question.at is not None:
            at = scheduled_id(to_milliseconds(facts.question.at))
            others["before"] = next(iter(self.reader.runs(self.job, "t-", at, size=1, most=1)), None)
            later = self.reader.runs(self.job, at, f"t-{_LAST}", newest_first=False, size=1, most=1)
            others["after"] = next(iter(later), None)
        return others

    def _actions(self, facts: Facts) -> tuple[Action, ...]:
        """Return the actions that concern the occurrence, the oldest first. The pause is shown without its action."""
        due = due_of(facts)
        first = (due or self.now) - timedelta(days=1)
        if facts.plan is not None:
            first = min(first, to_datetime(facts.plan.revision) - timedelta(days=1))
        dynamodb, ledger = self.clients("dynamodb"), self.deployment.ledger
        found: list[Action] = []
        was_paused = facts.run is not None and facts.run.reason == "paused"
        for job in (self.job, THE_STACK):
            actions = actions_between(dynamodb, ledger, job, first, self.now, newest_first=False)
            found += [
                each
                for each in actions
                if concerns(each, facts.occurrence, due, facts.question.key) or (was_paused and each.action in PAUSES)
            ]
        return tuple(sorted(found, key=lambda action: action.at))

    def _incidents(self) -> tuple[dict[str, Any], ...]:
        """Return the open incidents of the job, as their rows have them."""
        return tuple(incidents_of(self.clients("dynamodb"), self.deployment.ledger, self.job))

    # -- schedules that bring it back ----------------------------------------------------------------------------------
    def _carriers(self, facts: Facts) -> tuple[CarrierSeen, ...]:
        """Return the carriers of the occurrence, the earliest first; for a plan, its schedule."""
        run, plan = facts.run, facts.plan
        if plan is not None and plan.status == "planned" and (run is None or run.status == "missed"):
            return self._plan_schedule(plan)
        finished = run is not None and (run.status in ("succeeded", "skipped") or bool(run.reported))
        past_due = run is not None or (facts.question.at is not None and facts.question.at <= self.now)
        if finished or not past_due:
            return ()
        group = names.carriers_group(self.deployment.stack)
        listed = [*self.groups.list(group, _ignore, prefix=carrier.prefix(self.job))]
        if len(listed) > MOST_CARRIERS:
            self.unread.append(f"only {MOST_CARRIERS} of the {len(listed)} carriers of {self.job} were read")
        found = [
            CarrierSeen(name, group, to_datetime(due), got.get("State", "ENABLED") == "ENABLED", event.kind)
            for name, got in self.groups.get_all(group, listed[:MOST_CARRIERS])
            if got is not None
            and (event := event_of(got)) is not None
            and (due := time_of(got)) is not None
            and event.id == facts.occurrence
        ]
        return tuple(sorted(found, key=lambda seen: seen.due))

    def _plan_schedule(self, plan: PlanItem) -> tuple[CarrierSeen, ...]:
        group, name = names.once_group(self.deployment.stack), plan_schedules.name(self.job, plan.key, plan.revision)
        for again in range(3):
            got = self.groups.get(group, renamed := carrier.renamed(name, again))
            due = None if got is None else time_of(got)
            if got is not None and due is not None:
                return (CarrierSeen(renamed, group, to_datetime(due), got.get("State", "ENABLED") == "ENABLED"),)
        return ()

    # -- letters and logs ----------------------------------------------------------------------------------------------
    def _letters(self, facts: Facts) -> tuple[DeadLetter, ...]:
        """Return the dead letters of the occurrence, the newest first. Reading deletes none."""
        from botocore.exceptions import ClientError

        run, due = facts.run, due_of(facts)
        wanted = run.status in FAILED if run is not None else due is None or due <= self.now
        if not wanted and not self.whole:
            return ()
        try:
            letters = list_letters(
                self.clients("sqs"),
                self.deployment,
                job=self.job,
                poll=self.poll,
                unread=self.unread.append,
                warn=self.unread.append,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            self.unread.append("dead letters were not read: your credentials may not call sqs:ReceiveMessage")
            return ()
        own = [letter for letter in letters if letter.occurrence == facts.occurrence]
        return tuple(sorted(own, key=lambda letter: letter.since, reverse=True))

    def _logged(self, facts: Facts) -> Logged:
        """Return the log of the occurrence, if the answer needs it."""
        run, due = facts.run, due_of(facts)
        unexplained = (
            run is not None and run.status == "succeeded" and (run.attempt > 1 or lateness(facts, run) is not None)
        )
        deferred = run is None and bool(facts.carriers)
        if not facts.deployed or due is None or not (unexplained or deferred or self.whole):
            return Logged()
        last = to_datetime(run.ended) if run is not None and run.ended else self.now
        function = names.function_name(self.deployment.stack, self.job)
        found = read_log(self.clients("logs"), self.clients("lambda"), function, facts.occurrence, due, last)
        if not found.read:
            self.unread.append(
                f"the log of {function} was not read: it does not exist, or logs:FilterLogEvents is denied"
            )
        return found


@dataclass(frozen=True)
class _Rows:
    """The rows of a question. ``asked``: about the occurrence that the rows belong to."""

    asked: Question
    run: RunItem | None
    generations: tuple[RunItem, ...]
    plan: PlanItem | None = None
    keys: tuple[str, ...] = ()


def due_of(facts: Facts) -> datetime | None:
    """Return the due time of the occurrence; None for an id without a row."""
    if facts.run is not None:
        return to_datetime(facts.run.due)
    return to_datetime(facts.plan.due) if facts.plan is not None else facts.question.at


def zone_of(schedules: tuple[ScheduleSeen, ...], declared: JobMetadata | None) -> str:
    """Return the time zone of a job: of its first schedule that has one. A rate has none."""
    zones = [seen.deployed.schedule.timezone for seen in schedules if seen.deployed.schedule.kind != "rate"]
    zones += [given.timezone for given in declared.schedules] if declared is not None else []
    return zones[0] if zones else "UTC"


def pausing_of(item: Any) -> Pausing | None:
    """Return the pause in a lease row, in DynamoDB's form; None if the job is not paused."""
    since = decode(item["paused"]) if item and "paused" in item else None
    if not isinstance(since, int):
        return None
    stored = _json(str(decode(item["pause"]))) if "pause" in item else {}
    return Pausing(to_datetime(since), str(stored.get("by", "")), str(stored.get("reason", "")))


def incidents_of(dynamodb: Any, ledger: str, job: str = "") -> Iterator[dict[str, Any]]:
    """Yield the rows of the open incidents of a job, or of all, as plain values."""
    start: dict[str, Any] = {}
    prefix = f"incident#{job}#" if job else "incident#"
    while True:
        answer = dynamodb.query(
            TableName=ledger,
            KeyConditionExpression="pk = :watch AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":watch": {"S": "watch"}, ":prefix": {"S": prefix}},
            **start,
        )
        for item in answer["Items"]:
            plain = {name: decode(value) for name, value in item.items()}
            _, of_job, cause = str(plain["sk"]).split("#", 2)
            if plain.get("status", "open") == "open":
                yield plain | {"job": of_job, "cause": cause}
        if not answer.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _ignore(count: int) -> None:
    """Show no progress."""
