"""The stages of the demo after the deploy. They call the same functions as the operators' commands.

Each function works alone and with any endpoint, so tests can call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cronstack import clock
from cronstack.entropy import SYSTEM, ulid
from cronstack.errors import OperationError
from cronstack_infra import names
from cronstack_infra.demo import flights, january
from cronstack_infra.ops.backfill import BackfillPlan, carry_out, plan_backfill
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import redrive
from cronstack_infra.ops.deployment import Clients, Deployment, find_deployment
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.runs import RunRow, find_run, follow
from cronstack_infra.ops.trigger import trigger

if TYPE_CHECKING:
    from cronstack_infra.progress import Progress

JOBS: Final = ("heartbeat", "launch", "daily_stats", "checkout", "remind_by_email", "capture_payment", "broken")
VARIABLE: Final = "EXCHANGE_RATE"
CORRECT_RATE: Final = "1.3194"
PATIENCE: Final = 60.0
"""Seconds to wait for one run to end."""
READS: Final = 10
"""Reads of the queue for a dead letter. Each waits for up to a second."""


@dataclass(frozen=True)
class Shown:
    """The deployed examples, and clients for their cloud."""

    clients: Clients
    deployment: Deployment
    bucket: str
    table: str

    @classmethod
    def find(cls, clients: Clients, stack: str) -> Shown:
        deployment = find_deployment(clients("cloudformation"), stack)
        return cls(clients, deployment, deployment.outputs["FlightsBucket"], deployment.outputs["StatisticsTable"])


@dataclass(frozen=True)
class Tally:
    """The row of one job in the final table."""

    job: str
    occurrences: int
    succeeded: int
    failed: int
    skipped: int
    dead_letters: int
    slowest: float | None
    """Seconds of the longest attempt."""


def load(shown: Shown, progress: Progress) -> dict[str, int]:
    """Upload the flights of the year into the bucket. Return the number of flights of each day."""
    counted: dict[str, int] = {}
    total = 0
    for day in flights.load(shown.clients("s3"), shown.bucket, flights.days(flights.archive())):
        counted[day.date] = day.flights
        total += day.flights
        progress.bar(len(counted), 365)
        progress.update(f"{total:,} flights")
    progress.update(f"{total:,}, one file for each of {len(counted)} days")
    return counted


def backfill(shown: Shown, counted: Mapping[str, int], progress: Progress) -> list[january.Statistics]:
    """Backfill January 2013. Return the statistics of the table, after comparing each day with its file."""
    plan = plan_january(shown)
    ended = 0
    for filled in carry_out(shown.clients, shown.deployment, plan, clock=clock.now, sleep=clock.sleep):
        if filled.ended.status != "succeeded":
            raise OperationError(f"{filled.planned.occurrence} is {filled.ended.status}: {filled.ended.detail}")
        ended += 1
        progress.bar(ended, len(plan.missing))
        progress.update(f"{filled.planned.due.astimezone(january.NEW_YORK):%-d %B %Y}")
    found = january.stored(shown.clients("dynamodb"), shown.table)
    january.check(found, counted)
    progress.update(f"{ended} days backfilled, {sum(day.flights for day in found):,} flights, each day as in its file")
    return found


def plan_january(shown: Shown) -> BackfillPlan:
    """Plan the backfill of the kind "all": the ledger does not keep 2013, so each day runs as a new generation."""
    return plan_backfill(
        shown.clients,
        shown.deployment,
        "daily_stats",
        "all",
        first=january.FROM,
        last=january.TO,
        now=clock.now(),
    )


def fail_broken_job(shown: Shown) -> DeadLetter:
    """Trigger the broken job, wait for its dead letter, and return the letter."""
    now = clock.now()
    started = trigger(shown.clients, shown.deployment, "broken", now=now, ulid=ulid(clock.now_ms(), SYSTEM))
    died = _follow(shown, started.occurrence)
    if died.status != "dead":
        raise OperationError(f"the broken job is {died.status}, expected dead")
    for _ in range(READS):
        for letter in list_letters(shown.clients("sqs"), shown.deployment, job="broken"):
            if letter.occurrence == started.occurrence:
                return letter
    raise OperationError(f"no dead letter of {started.occurrence} has arrived")


def fix_broken_job(shown: Shown) -> None:
    """Correct one environment variable of the deployed function, and keep the others."""
    functions = shown.clients("lambda")
    function = names.function_name(shown.deployment.stack, "broken")
    variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": {**variables, VARIABLE: CORRECT_RATE}}
    )


def redrive_letter(shown: Shown, letter: DeadLetter) -> RunRow:
    """Redrive the letter. Return its run."""
    for sent in redrive(
        shown.clients, shown.deployment, clock=clock.now, sleep=clock.sleep, ids=[letter.id], wait=PATIENCE
    ):
        if sent.status != "succeeded":
            raise OperationError(f"the redrive of {letter.occurrence} did not help: {sent.detail}")
    row = find_run(shown.clients("dynamodb"), shown.deployment, "broken", letter.occurrence, clock.now())
    if row is None or row.status != "succeeded":
        raise OperationError(f"{letter.occurrence} was redriven, but has not succeeded")
    return row


def run_of(shown: Shown, job: str) -> RunRow:
    """Wait for the newest run of a job and return it. Raise OperationError unless it succeeded."""
    rows = list_runs(shown.clients("dynamodb"), shown.deployment, [job], now=clock.now(), most=1)
    row = _follow(shown, rows[0].occurrence, job) if rows else None
    if row is None or row.status != "succeeded":
        raise OperationError(f"{job} {'has no run' if row is None else f'is {row.status}: {row.error or row.reason}'}")
    return row


def tally(shown: Shown) -> list[Tally]:
    """Count the runs and the dead letters of each job."""
    letters = list_letters(shown.clients("sqs"), shown.deployment)
    found = []
    for job in JOBS:
        rows = list_runs(shown.clients("dynamodb"), shown.deployment, [job], now=clock.now(), most=1000)
        found.append(
            Tally(
                job=job,
                occurrences=len(rows),
                succeeded=_count(rows, "succeeded"),
                failed=_count(rows, "retrying", "crashed", "dead"),
                skipped=_count(rows, "skipped", "missed", "cancelled"),
                dead_letters=sum(letter.contents.job == job for letter in letters),
                slowest=max((row.took for row in rows if row.took is not None), default=None),
            )
        )
    return found


def _follow(shown: Shown, occurrence: str, job: str = "broken") -> RunRow:
    return follow(
        shown.clients("dynamodb"),
        shown.deployment,
        job,
        occurrence,
        clock=clock.now,
        sleep=clock.sleep,
        patience=PATIENCE,
    )


def _count(rows: list[RunRow], *statuses: str) -> int:
    return sum(row.status in statuses for row in rows)
