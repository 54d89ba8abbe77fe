"""Everything of a deployed stack at a glance, with few requests.

stack          DescribeStacks, GetTemplate
schedules      ListSchedules: their states; their times are in the template
jobs           one BatchGetItem of all leases; for each job three Queries: the last run of its schedules, the last
               trigger, and its open runs; for a job of code also its plans: 16 lists, and a BatchGetItem
stack-wide     GetQueueAttributes of both queues, the incidents, the watchdog's snapshot, the topic's subscriptions
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata, jobs_of_template
from cronstack.ledger.items import decode, read_lease
from cronstack.ledger.open_runs import PATIENCE
from cronstack.ledger.partitions import PK, SK, job_partition, lease_key, open_lists, plan_partitions
from cronstack.ledger.rows import LeaseItem, PlanItem, RunItem
from cronstack.occurrence import print_instant, to_datetime, to_milliseconds
from cronstack.timetable.instants import parse
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment, deployed_jobs, find_deployment
from cronstack_infra.ops.explaining.facts import Pausing
from cronstack_infra.ops.explaining.gathering import incidents_of, pausing_of
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.runs import LATE
from cronstack_infra.ops.strays.groups import Groups
from cronstack_infra.plural import counted

AT_ONCE: Final = 8
"""Jobs that are read in parallel."""
OPEN_RUNS: Final = 50
"""Most open runs of a job that are read."""
PLANS: Final = 20
"""Most plans of each list that are read."""
BEHIND: Final = timedelta(days=2)
"""How far back overdue plans are searched."""
NAMED: Final = 10
"""Most paused jobs that are listed by name."""
SILENT: Final = timedelta(minutes=15)
"""Time after which a watchdog without a finished pass counts as silent: three of its intervals."""
ALARM_TOPIC: Final = "AlarmTopic"
"""Output of the stack with the ARN of the topic for alarms."""
DENIED: Final = ("AuthorizationError", "AuthorizationErrorException", "AccessDenied", "AccessDeniedException")
_LAST: Final = "\x7f"
_SNAPSHOT: Final = {PK: {"S": "watch"}, SK: {"S": "snapshot"}}


@dataclass(frozen=True)
class JobStatus:
    """One job. Times are in UTC."""

    job: str
    state: str
    """enabled, disabled, paused, or "by hand" (it has no schedule)."""
    running: str
    """The occurrence that holds the lease; ""."""
    last: RunItem | None
    next: datetime | None
    """The next instant of its schedules, or of its plans; None for a rate, and for a job without either."""
    every: str
    """The expression of a rate, whose instants only Scheduler knows."""
    waiting: int
    """Runs that wait for an attempt."""
    dead: int
    """Runs that are dead or missed, of the newest ``OPEN_RUNS`` open ones."""
    overdue: int
    """Plans past their time."""
    lost: int
    """Runs whose next attempt is overdue by ten minutes, or whose process died: perhaps strays."""
    pause: Pausing | None = None

    def as_json(self) -> dict[str, Any]:
        last = self.last
        return {
            "job": self.job,
            "state": self.state,
            "running": self.running or None,
            "last": None
            if last is None
            else {
                "occurrence": last.occurrence,
                "status": last.status,
                "due": print_instant(to_datetime(last.due)),
                "started": print_instant(to_datetime(last.started)) if last.started else None,
            },
            "next": None if self.next is None else print_instant(self.next),
            "every": self.every or None,
            "waiting": self.waiting,
            "dead": self.dead,
            "overdue_plans": self.overdue,
            "perhaps_strays": self.lost,
            "paused": None
            if self.pause is None
            else {"since": print_instant(self.pause.since), "by": self.pause.by, "reason": self.pause.reason},
        }


@dataclass(frozen=True)
class StackStatus:
    """The whole stack."""

    stack: str
    state: str
    """StackStatus of CloudFormation."""
    updated: datetime | None
    jobs: tuple[JobStatus, ...]
    dead_letters: int
    """About so many, as SQS counts them."""
    incidents: tuple[dict[str, Any], ...]
    watched: datetime | None
    """The last finished pass of the watchdog; None: never, or the stack has none."""
    has_watchdog: bool
    topic: str
    subscriptions: tuple[int, int] | None
    """Confirmed and pending subscriptions of the topic for alarms; None: no topic, or no permission to read them."""

    def problems(self, now: datetime) -> list[tuple[str, str]]:
        """Return what needs attention, each with the command that shows more."""
        found = []
        if not self.state.endswith("_COMPLETE") or "ROLLBACK" in self.state:
            found.append((f"the stack is {self.state}", "cronstack cdk deploy"))
        if unanswered := sum(not row.get("acked") for row in self.incidents):
            found.append((counted(unanswered, "open incident"), "cronstack incidents list"))
        if paused := [job.job for job in self.jobs if job.pause is not None]:
            found.append(_paused(paused))
        if self.dead_letters:
            found.append((f"about {counted(self.dead_letters, 'dead letter')}", "cronstack dead-letters summary"))
        if late := sum(job.overdue for job in self.jobs):
            found.append((f"{counted(late, 'plan')} past the time", "cronstack once list --status planned"))
        if lost := sum(job.lost for job in self.jobs):
            found.append((f"{counted(lost, 'run')} that perhaps nothing brings back", "cronstack strays"))
        if self.has_watchdog and (self.watched is None or now - self.watched > SILENT):
            found.append(("the watchdog has finished no pass for 15 minutes", f"cronstack runs {names.WATCHDOG}"))
        if self.topic and self.subscriptions is not None and not self.subscriptions[0]:
            pending = " (one is not confirmed)" if self.subscriptions[1] else ""
            found.append((f"no subscription gets the alarms{pending}", f"aws sns subscribe --topic-arn {self.topic} …"))
        return found

    def as_json(self, now: datetime) -> dict[str, Any]:
        confirmed = None if self.subscriptions is None else self.subscriptions[0]
        return {
            "stack": self.stack,
            "state": self.state,
            "updated": None if self.updated is None else print_instant(self.updated),
            "jobs": [job.as_json() for job in self.jobs],
            "dead_letters": self.dead_letters,
            "incidents": [{"job": row["job"] or None, "cause": row["cause"]} for row in self.incidents],
            "watchdog": None if self.watched is None else print_instant(self.watched),
            "alarm_topic": self.topic or None,
            "subscriptions": confirmed,
            "problems": [{"what": what, "command": command} for what, command in self.problems(now)],
        }


def _paused(jobs: Sequence[str]) -> tuple[str, str]:
    """Return that jobs are paused, and the command that resumes a job."""
    more = f" and {len(jobs) - NAMED} more" if len(jobs) > NAMED else ""
    what = f"{counted(len(jobs), 'job')} {'is' if len(jobs) == 1 else 'are'} paused: {', '.join(jobs[:NAMED])}{more}"
    return what, f"cronstack resume {jobs[0] if len(jobs) == 1 else 'JOB'}"


def status(clients: Clients, stack: str, *, now: datetime) -> StackStatus:
    """Return the status of a stack. Raise OperationError if it is not deployed."""
    cloudformation = clients("cloudformation")
    deployment = find_deployment(cloudformation, stack)
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    declared = jobs_of_template(body) if isinstance(body, dict) else {}
    if not declared:  # deployed by a version without metadata
        declared = {job.name: JobMetadata(job.name) for job in deployed_jobs(clients("lambda"), deployment)}
    reader = Reader(clients("dynamodb"), deployment.ledger)
    rows = reader.items([*map(lease_key, declared), _SNAPSHOT])
    states = _states(Groups(clients("scheduler")), deployment)
    jobs = _jobs(reader, declared, rows, states, now)
    snapshot = rows.get(("watch", "snapshot"), {})
    topic = deployment.outputs.get(ALARM_TOPIC, "")
    return StackStatus(
        stack,
        str(described.get("StackStatus", "")),
        described.get("LastUpdatedTime") or described.get("CreationTime"),
        jobs,
        _letters(clients("sqs"), deployment),
        tuple(incidents_of(clients("dynamodb"), deployment.ledger)),
        to_datetime(decode(snapshot["at"])) if "at" in snapshot else None,
        names.WATCHDOG in declared,
        topic,
        _subscriptions(clients("sns"), topic) if topic else None,
    )


def _states(groups: Groups, deployment: Deployment) -> dict[str, list[bool]]:
    """Return whether the schedules of each job are enabled."""
    states: dict[str, list[bool]] = {}
    for name, listed in groups.list(deployment.group, lambda count: None).items():
        job = names.job_of_schedule(deployment.stack, name)
        if job is not None:
            states.setdefault(job, []).append(listed.enabled)
    return states


def _jobs(
    reader: Reader,
    declared: dict[str, JobMetadata],
    rows: dict[tuple[str, str], Any],
    states: dict[str, list[bool]],
    now: datetime,
) -> tuple[JobStatus, ...]:
    def one(job: JobMetadata) -> JobStatus:
        item = rows.get((job_partition(job.job), "lease"))
        return _job(reader, job, item, states.get(job.job, []), now)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(one, declared.values()))


def _job(reader: Reader, job: JobMetadata, item: Any, enabled: Sequence[bool], now: datetime) -> JobStatus:
    lease, pause = read_lease(item), pausing_of(item)
    plans = _plans(reader, job.job, now) if job.by_code else []
    waiting, dead, lost = _open(reader, job, now)
    dues = [*_instants(job, now), *(to_datetime(plan.due) for plan in plans if to_datetime(plan.due) > now)]
    rates = [given.expression for given in job.schedules if given.expression.startswith("rate(") and not given.start]
    return JobStatus(
        job.job,
        _state(job, enabled, pause),
        lease.occurrence or "" if lease.holder else "",
        _last(reader, job.job),
        min(dues, default=None) if pause is None and (any(enabled) or job.by_code) else None,
        rates[0] if rates else "",
        waiting,
        dead,
        sum(now - to_datetime(plan.due) > LATE for plan in plans),
        lost + _is_abandoned(lease, now),
        pause,
    )


def _state(job: JobMetadata, enabled: Sequence[bool], pause: Pausing | None) -> str:
    if pause is not None:
        return "paused"
    if not job.schedules and not enabled:
        return "by code" if job.by_code else "by hand"
    return "enabled" if all(enabled) and enabled else "disabled" if not any(enabled) else "partly disabled"


def _last(reader: Reader, job: str) -> RunItem | None:
    """Return the latest run of a job's schedules and triggers, by its due time."""
    runs = [run for first in ("t-", "m-") for run in reader.runs(job, first, first + _LAST, size=1, most=1)]
    return max(runs, key=lambda run: run.due, default=None)


def _open(reader: Reader, job: JobMetadata, now: datetime) -> tuple[int, int, int]:
    """Return how many runs wait, how many are dead or missed, and how many are overdue."""
    runs = [*islice(keyed.open_runs(reader, open_lists(job.job, by_code=job.by_code), size=OPEN_RUNS), OPEN_RUNS)]
    waiting = [run for run in runs if run.status in ("retrying", "crashed", "buffered")]
    dead = [run for run in runs if run.status in ("dead", "missed")]
    overdue = [run for run in waiting if to_milliseconds(now) - _expected(run, job) > PATIENCE]
    return len(waiting), len(dead), len(overdue)


def _expected(run: RunItem, job: JobMetadata) -> int:
    """Return when a waiting run should have come back, in epoch milliseconds."""
    return run.due + job.start_deadline * 1000 if run.status == "buffered" else max(run.after, run.ended)


def _is_abandoned(lease: LeaseItem, now: datetime) -> int:
    """Return 1 if the process of the running attempt died more than ten minutes ago, and nothing took over."""
    return int(lease.holder is not None and to_milliseconds(now) - lease.expires > PATIENCE)


def _plans(reader: Reader, job: str, now: datetime) -> list[PlanItem]:
    """Return plans that are overdue or due next."""
    first = to_milliseconds(now - BEHIND)
    entries = reader.entries(plan_partitions(job), first=first, newest_first=False, size=PLANS)
    keys = [entry.key[1] for entry in islice(entries, PLANS)]
    return [plan for plan in keyed.plans_of(reader, job, keys).values() if plan.status == "planned"]


def _instants(job: JobMetadata, now: datetime) -> Iterator[datetime]:
    """Yield the next instant of each schedule with fixed instants."""
    for given in job.schedules:
        start, end = (None if text is None else datetime.fromisoformat(text) for text in (given.start, given.end))
        schedule = parse(given.expression, timezone=given.timezone, start=start, end=end)
        if schedule.has_grid:
            yield from islice(schedule.after(now), 1)


def _letters(sqs: Any, deployment: Deployment) -> int:
    """Return about how many dead letters the two queues have, held ones included."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    total = 0
    for url in (deployment.delivery_dead_letters, deployment.handler_dead_letters):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[*names])["Attributes"]
        total += sum(int(attributes.get(name, 0)) for name in names)
    return total


def _subscriptions(sns: Any, topic: str) -> tuple[int, int] | None:
    """Return the confirmed and the pending subscriptions of a topic, of the first hundred."""
    from botocore.exceptions import ClientError

    try:
        subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        return None
    pending = sum(each["SubscriptionArn"] == "PendingConfirmation" for each in subscriptions)
    return len(subscriptions) - pending, pending
