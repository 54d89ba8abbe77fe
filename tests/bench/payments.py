"""Many deferred payments on the virtual clock, with faults: each is captured once, by the payment service's own log.

    python -m tests.bench.payments [--payments 10000] [--seed N] [--faults many]

It runs the deployed examples without their own schedules. Invocations of ``checkout`` place, repeat, postpone and
withdraw orders by ``cronstack.once``, so moves and cancels coincide with firings at every request. Half of the payments
are due in one second. Many orders are moved or withdrawn in their last minute, some in their last second. Sandboxes
crash, answers are lost, deliveries come twice and late, the service does not respond, or fails after the charge. At
the end an operator redrives the dead letters until none is left. Then these rules are checked:

    no order is charged twice; each that was not withdrawn is charged, with its sum, and not before its time
    no order is charged whose withdrawal returned "cancelled"
    nothing is left in Scheduler, nothing is planned, and the ledger's rows equal the service's log
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from moto.scheduler.models import scheduler_backends

from cronstack import entropy
from cronstack.event import operator_event
from cronstack.ledger.rows import FINISHED
from cronstack.occurrence import planned_id, to_milliseconds, trigger_id
from cronstack_infra import names
from cronstack_infra.demo.payments import Payments
from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.ops.dead_letters.redriving import redrive
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.play.simulation.clock.hub import microseconds
from cronstack_infra.play.simulation.cloud.assembly import synthesize
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.handlers.faults import Rates, parse
from cronstack_infra.play.simulation.looking import ledger_rows
from cronstack_infra.project import Project
from tests.tools.payment_wire import answered_by

ROOT = Path(__file__).parents[2]
BEGIN: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
SHARED: Final = BEGIN + timedelta(hours=1)
"""When half of the payments are due."""
LAST: Final = BEGIN + timedelta(hours=2)
CALM: Final = BEGIN + timedelta(hours=6)
"""Time at which all carriers have fired; retries wait for an hour at most."""
FAULTS: Final = "crash=0.01,killed=0.01,lost=0.01,throttled=0.01,duplicate=0.02,late=0.02"
OF_THE_SERVICE: Final = 0.05
"""Share of HTTP requests that fail."""


class Request(NamedTuple):
    """A request to the shop at a time."""

    at: datetime
    order: Mapping[str, Any]


@dataclass
class Story:
    """The requests for all orders, by seed."""

    payments: int
    chance: Random
    requests: list[Request] = field(default_factory=list)
    cents: dict[str, int] = field(default_factory=dict)
    shared: int = 0

    def __post_init__(self) -> None:
        for number in range(self.payments):
            self._order(f"order-{number:05}", shared=number % 2 == 0)
        self.requests.sort(key=lambda request: (request.at, request.order["order"]))

    def _order(self, order: str, *, shared: bool) -> None:
        chance = self.chance
        cents = self.cents[order] = chance.randint(100, 99_999)
        placed = BEGIN + timedelta(seconds=chance.uniform(1, 1200))
        due = SHARED if shared else self._due(SHARED - timedelta(minutes=30))
        self.shared += shared
        for copy in range(chance.choices((1, 2, 3), (75, 20, 5))[0]):
            again = timedelta(seconds=chance.choice((0.0, 0.05, 30.0, 900.0))) * copy
            self._add_request(placed + again, order, "placed", cents=cents, pay_at=due.isoformat())
        while chance.random() < 0.2:
            moved = self._due(due)
            self._add_request(self._before(due, placed), order, "postponed", pay_at=moved.isoformat())
            due = moved
        if chance.random() < 0.2:
            for _ in range(chance.choice((1, 1, 2))):
                self._add_request(self._before(due, placed), order, "withdrawn")

    def _due(self, after: datetime) -> datetime:
        """Return a due time in whole seconds, which many orders share."""
        whole = int((LAST - after).total_seconds())
        return after + timedelta(seconds=self.chance.randint(0, max(whole, 1)))

    def _before(self, due: datetime, placed: datetime) -> datetime:
        """Return the time of a change: any, in the last minute, or in the last second."""
        chance = self.chance
        last = chance.choice(((due - placed).total_seconds() - 60, 60.0, 1.0, 0.1))
        return due - timedelta(seconds=chance.uniform(-0.3, max(last, 1.0)))

    def _add_request(self, at: datetime, order: str, what: str, **more: Any) -> None:
        self.requests.append(Request(at, {"order": order, "what": what, **more}))


@dataclass
class Played:
    """The results of a run."""

    story: Story
    payments: Payments
    charged: dict[str, datetime]
    """Time of the service's first request for each order."""
    rows: dict[str, dict[str, Any]]
    """The run of each payment, or {} for a payment without a run."""
    plans: dict[str, str]
    """The status of each payment's plan."""
    answers: dict[str, list[dict[str, Any]]]
    """Results of the checkouts of each order, in the order of their ends."""
    left: list[str]
    """Schedules that were not declared."""
    unfinished: Counter[str]
    letters: int
    kinds: Counter[str]
    wrong: int
    """Number of failed HTTP requests."""
    seconds: float


class _RecordingPayments(Payments):
    """A service that records the time of the first request for each order."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self.first: dict[str, datetime] = {}

    def post(self, key: str, body: bytes) -> Any:
        self.first.setdefault(json.loads(body)["order"], self._now())
        return super().post(key, body)


def play(payments: int, seed: int, faults: Rates | None = None) -> Played:
    rates = parse(FAULTS) if faults is None else faults
    story = Story(payments, Random(f"payments {seed}"))
    kinds: Counter[str] = Counter()
    ended: list[dict[str, Any]] = []

    def emit(event: dict[str, Any]) -> None:
        kinds[event["event"]] += 1
        if event["event"] == "attempt":
            kinds[event["job"], event["outcome"]] += 1  # type: ignore[index]
        if event["event"] == "finished" and event["function"].endswith("-checkout"):
            ended.append(event)

    with VirtualCloud(BEGIN, seed=seed, rates=Rates(), emit=emit, logs=False) as cloud:
        assembly = synthesize(Project.find(ROOT), "examples")
        cloud.deploy(assembly)
        declared = cloud.client("scheduler").list_schedules(GroupName=names.group_name(assembly.stack))["Schedules"]
        for schedule in declared:
            cloud.client("scheduler").delete_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
        service = _RecordingPayments(lambda: cloud.now)
        with answered_by(service, faults=OF_THE_SERVICE if str(rates) != "none" else 0.0, seed=seed) as wire:
            cloud.faults.rates = rates
            _send_all(cloud, story, assembly.stack, seed)
            began = time.process_time()
            cloud.advance(CALM)
            cloud.faults.rates = Rates()
            letters = _redrive(cloud, assembly.stack)
            seconds = time.process_time() - began
        scheduler = scheduler_backends[ACCOUNT][REGION]
        groups = (names.once_group(assembly.stack), names.carriers_group(assembly.stack))
        stored = list(ledger_rows(cloud))
        rows = [row for row in stored if row["sk"].startswith("run#")]
        plans = {row["sk"]: row for row in stored if row["pk"].startswith("plan#capture_payment#")}
        captures = {row["sk"]: row for row in rows if row["pk"].startswith("run#capture_payment#")}
        return Played(
            story=story,
            payments=service,
            charged=service.first,
            rows={order: captures.get(f"run#{planned_id(order)}", {}) for order in story.cents},
            plans={order: plans.get(order, {}).get("status", "") for order in story.cents},
            answers=_answers(rows),
            left=[name for group in groups for name in scheduler.schedule_groups[group].schedules],
            unfinished=Counter(row["status"] for row in rows if row["status"] not in FINISHED)
            + Counter("planned" for plan in plans.values() if plan["status"] == "planned"),
            letters=letters,
            kinds=kinds,
            wrong=wire.gone_wrong,
            seconds=seconds,
        )


def _send_all(cloud: VirtualCloud, story: Story, stack: str, seed: int) -> None:
    """Let Lambda accept an event of ``checkout`` for each request, at its time."""
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{names.function_name(stack, 'checkout')}:$LATEST"
    chance = entropy.seeded(seed)
    for at, order in story.requests:
        now = to_milliseconds(at)
        event = operator_event(
            "checkout",
            "trigger",
            due=now // 1000 * 1000,
            requested=now,
            input=dict(order),
            occurrence=trigger_id(entropy.ulid(now, chance)),
        )
        text = json.dumps(event)
        cloud.hub.at(microseconds(at), lambda text=text: cloud.drive.effects.accept(function, text))  # type: ignore[misc]


def _redrive(cloud: VirtualCloud, stack: str) -> int:
    """Redrive until no dead letter is left. Return the number of redriven letters."""
    deployment, letters = find_deployment(cloud.client("cloudformation"), stack), 0
    for _ in range(20):
        sent = list(redrive(cloud.client, deployment, clock=lambda: cloud.now, sleep=time.sleep, wait=0, poll=0))
        if not sent:
            break
        letters += len(sent)
        cloud.advance(timedelta(hours=12))
    return letters


def _answers(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    by_order: dict[str, list[dict[str, Any]]] = defaultdict(list)
    checkouts = [row for row in rows if row["pk"] == "job#checkout" and row["status"] == "succeeded"]
    for row in sorted(checkouts, key=lambda row: row["ended"]):
        result = json.loads(row["result"])
        by_order[result["order"]].append(result | {"ended": row["ended"]})
    return by_order


def judge(played: Played) -> dict[str, int]:
    """Check the rules of the module's docstring. Return the figures. Raise AssertionError."""
    story, charges = played.story, {charge.order: charge for charge in played.payments.charges()}
    assert played.payments.charged_twice() == [], "charged twice"
    assert played.left == [], f"left in Scheduler: {played.left[:3]}"
    assert not played.unfinished, f"not final: {played.unfinished}"
    figures: Counter[str] = Counter()
    for order, cents in story.cents.items():
        row, answers = played.rows[order], played.answers[order]
        counts = Counter(str(answer["payment"]) for answer in answers)
        if counts["cancelled"]:
            assert order not in played.charged, f"{order} was cancelled, but the service received a request"
            assert (row, played.plans[order]) == ({}, "cancelled"), (row, played.plans[order])
            figures["cancelled"] += 1
            continue
        charge = charges.get(order)
        assert charge is not None, f"{order} was not captured: {row} {answers}"
        assert charge.cents == cents, order
        assert (row["status"], json.loads(row["result"])["charge"]) == ("succeeded", charge.number), row
        assert to_milliseconds(played.charged[order]) >= row["due"], f"{order} was captured before its time"
        figures["captured"] += 1
        figures["due in the shared second"] += row["due"] == to_milliseconds(SHARED)
        figures["whose request was repeated"] += charge.requests > 1
        figures["moved"] += counts["moved"] > 0
        figures["too late to move or cancel"] += counts["too late"] > 0
    assert figures["captured"] + figures["cancelled"] == story.payments == len(story.cents)
    return dict(figures)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--payments", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    options.add_argument("--faults", type=parse, default=parse(FAULTS), help="as cronstack simulate takes them")
    chosen = options.parse_args()
    print(f"seed {chosen.seed}, {chosen.payments:,} payments, faults {chosen.faults}", flush=True)
    played = play(chosen.payments, chosen.seed, chosen.faults)
    figures = judge(played)
    story, kinds = played.story, played.kinds
    counts = Counter(request.order["what"] for request in story.requests)
    print(f"requests to the shop: {', '.join(f'{count:,} {what}' for what, count in sorted(counts.items()))}")
    print(f"due in one second at first: {story.shared:,}; fired {kinds['fired']:,}; attempts {kinds['attempt']:,}")
    for what, count in figures.items():
        print(f"  {count:7,} {what}")
    outcomes = {key[1]: count for key, count in kinds.items() if isinstance(key, tuple) and key[0] == "capture_payment"}
    print(f"attempts of capture_payment: {', '.join(f'{count:,} {what}' for what, count in sorted(outcomes.items()))}")
    print(f"{played.wrong:,} HTTP requests failed; {played.letters} dead letters, redriven")
    print("each uncancelled payment was captured once, none after its cancel; nothing is left in Scheduler")
    print(f"{played.seconds:.1f} s of processor time, seed {chosen.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
