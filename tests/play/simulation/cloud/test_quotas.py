"""Quotas of the account: many plans due at once all start, and only the quotas determine the reported delays.

``python -m tests.bench.quotas`` plays 200,000 plans with AWS's own quotas.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

import pytest

from cronstack.onetime.once import Once
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.onetime import wiring_of
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.looking import ledger_rows, letters
from cronstack_infra.play.simulation.simulate import Simulated, simulate
from cronstack_infra.switches.parsing import of_mapping
from tests.play.simulation.conftest import START

OVERHEAD = 0.08
"""Most seconds that the guard's requests add to the sleep of a handler. Each takes at most 12 ms."""
DEADLINE = 3600
"""Start deadline of the job ``slow``, in seconds."""
EVENT_AGE = 6 * 3600
"""Default maximum age of an event in seconds, after which Lambda drops it."""


class Scene(NamedTuple):
    """Plans due in one second, and the quotas that delay them."""

    plans: int
    seconds: float
    """Seconds for which each handler sleeps."""
    invocations: int | None = None
    concurrency: int | None = None

    def starts(self, extra: float) -> list[float]:
        """Return the seconds from due time to start of each plan, if each sandbox is busy for ``extra`` s more."""
        numbers, pace = range(self.plans), self.invocations
        arrivals = [max(0.0, (number + 1) / pace - 1) if pace else 0.0 for number in numbers]
        if not self.concurrency:
            return arrivals
        starts = list[float]()
        for number, arrival in enumerate(arrivals):
            before = starts[number - self.concurrency] if number >= self.concurrency else None
            busy = extra if before is not None and before > DEADLINE else self.seconds + extra
            starts.append(arrival if before is None else max(arrival, before + busy))
        return starts

    def last(self) -> float:
        """Return when the last plan starts, in closed form, if none is missed and requests take no time."""
        paced = self.plans / self.invocations - 1 if self.invocations else 0.0
        rounds, first = divmod(self.plans - 1, self.concurrency) if self.concurrency else (0, 0)
        of_its_sandbox = (first + 1) / self.invocations - 1 if self.invocations else 0.0
        return max(paced, max(of_its_sandbox, 0.0) + rounds * self.seconds)


def planning(cloud: VirtualCloud) -> Once:
    """Return ``once`` with the cloud's own transport: a plan takes a fifth of the time that it takes with boto3."""
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    return Once(wiring=lambda job: wiring_of(deployment, job), transport=cloud.calls.transport)


class Outcome(NamedTuple):
    result: Simulated
    statuses: Counter[str]
    letters: int


def played(assembly: Assembly, scene: Scene, **switches: object) -> Outcome:
    """Play plans that are all due one hour after the start."""
    statuses: Counter[str] = Counter()
    sent: list[int] = []

    def prepare(cloud: VirtualCloud) -> None:
        planner = planning(cloud)
        for number in range(scene.plans):
            planner.schedule("slow", key=f"order-{number}", after=timedelta(hours=1), input={"seconds": scene.seconds})

    def finish(cloud: VirtualCloud) -> None:
        rows = [row for row in ledger_rows(cloud) if row["sk"].startswith("run#") or row["pk"].startswith("plan#")]
        statuses.update(row["status"] for row in rows if row["status"] != "begun")
        sent.append(sum(1 for _ in letters(cloud)))
        assert not cloud.client("scheduler").list_schedules(GroupName="small-once")["Schedules"]

    quotas = {"invocations": scene.invocations, "concurrency": scene.concurrency, **switches}
    result = simulate(
        assembly,
        START,
        START + timedelta(hours=12),
        only=["slow"],
        prepare=prepare,
        finish=finish,
        switches=of_mapping({name: value for name, value in quotas.items() if value is not None}),
    )
    return Outcome(result, statuses, sent[0])


@pytest.mark.parametrize(
    "scene",
    [
        Scene(plans=200, seconds=1, invocations=10),
        Scene(plans=200, seconds=60, concurrency=10),
        Scene(plans=200, seconds=30, invocations=10, concurrency=10),
        Scene(plans=200, seconds=1, invocations=5, concurrency=50),
        Scene(plans=101, seconds=30, invocations=100, concurrency=100),
        Scene(plans=40, seconds=10),
    ],
    ids=str,
)
def test_the_latest_start_follows_from_the_quotas(assembly: Assembly, scene: Scene) -> None:
    result, statuses, sent = played(assembly, scene)
    assert (statuses, sent) == ({"succeeded": scene.plans}, 0), "nothing is lost, nothing runs twice"
    assert scene.starts(0)[-1] == pytest.approx(scene.last()), "the closed form"
    assert result.delays.latest is not None
    rounds = (scene.plans - 1) // scene.concurrency if scene.concurrency else 0
    assert 0 <= result.delays.latest.seconds - scene.last() <= rounds * OVERHEAD + 0.001


def test_the_report_lists_the_waits_for_each_quota(assembly: Assembly) -> None:
    scene = Scene(plans=60, seconds=30, invocations=20, concurrency=20)
    delays = played(assembly, scene).result.delays
    late = [arrival for arrival in Scene(60, 30, invocations=20).starts(0) if arrival > 0]
    assert (delays.held["invocations"].count, delays.held["invocations"].longest) == (len(late), max(late))
    assert delays.held["concurrency"].count == 40
    assert delays.lines()[1:] == [
        "Quota invocations, 20 a second: 40 firings waited, 2.0 s at most.",
        f"Quota concurrency, 20 sandboxes: 40 events waited, {delays.held['concurrency'].longest:.1f} s at most.",
    ]
    assert delays.lines()[0].startswith("Latest start: 60.")
    assert "(slow order-" in delays.lines()[0]


def test_plans_that_cannot_start_before_their_deadline_are_missed_and_counted(assembly: Assembly) -> None:
    """Ten sandboxes run each plan for 890 s: the first five rounds start within the hour, all others are missed."""
    scene = Scene(plans=100, seconds=890, concurrency=10)
    result, statuses, sent = played(assembly, scene)
    missed = sum(start > DEADLINE for start in scene.starts(0))
    assert missed == 50
    assert statuses == {"succeeded": 50, "missed": 2 * missed}, "a row of the run, and its plan"
    assert (result.letters, sent) == (missed, missed), "each has its dead letter"
    delays = result.delays
    assert (delays.missed, delays.missed_letters, result.rows[0].missed) == (missed, missed, missed)
    assert delays.lines()[-1].startswith(
        "Missed by their start deadline: 50 with 50 dead letters, the last slow order-"
    )


def test_with_growing_waits_a_sandbox_is_idle_and_old_events_become_dead_letters(assembly: Assembly) -> None:
    """The documented waits: 1, 2, 4 … 256 s, then 300 s each. All attempts come in waves; one event starts in each."""
    scene = Scene(plans=90, seconds=0.5, concurrency=1)
    result, statuses, sent = played(assembly, scene, **{"throttle-wait": "backoff"})
    waves = [0.0]
    while (following := waves[-1] + min(2.0 ** (len(waves) - 1), 300.0)) < EVENT_AGE:
        waves.append(following)
    ran = [wave for wave in waves if wave <= DEADLINE]
    missed, old = len(waves) - len(ran), scene.plans - len(waves)
    assert min(len(ran), missed, old) > 5
    assert statuses == {"succeeded": len(ran), "missed": 2 * missed, "planned": old}
    assert (result.letters, sent) == (old + missed, old + missed), "each event that is too old becomes a dead letter"
    assert result.delays.missed_letters == missed
    assert result.delays.latest is not None
    assert result.delays.latest.seconds == pytest.approx(ran[-1], abs=0.001)
