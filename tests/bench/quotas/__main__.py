"""Many plans due in one minute with the account's quotas: nothing is lost, and the delays follow from the quotas.

    python -m tests.bench.quotas [--plans 200000] [--seconds 30] [--invocations 1000] [--concurrency 1000]

The expected figures come from the quotas and the handler's sleep alone, by a loop over the plans: a plan starts when
Scheduler's rate allows it and a sandbox is free. Each plan must have run or have a dead letter. Each missed plan has
both a row and a letter.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cronstack.guard.letters import MISSED
from cronstack_infra.play.simulation import looking
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.simulate import simulate
from cronstack_infra.switches.settings import Switches
from tests.play.simulation.cloud.test_quotas import DEADLINE, OVERHEAD, Scene, planning
from tests.play.simulation.conftest import START, assembled, small_project

SPAN: Final = timedelta(hours=12)


def play(scene: Scene) -> bool:
    """Print the expected and the reported figures. Return whether they are equal."""
    statuses: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    """By condition."""

    def prepare(cloud: VirtualCloud) -> None:
        began, code = time.process_time(), planning(cloud)
        at = START + timedelta(hours=1)
        for number in range(scene.plans):
            code.schedule("slow", key=f"order-{number:06}", at=at, input={"seconds": scene.seconds})
        print(f"planned in {time.process_time() - began:.0f} s of processor time", flush=True)

    def finish(cloud: VirtualCloud) -> None:
        statuses.update(row["status"] for row in looking.ledger_rows(cloud) if row["sk"].startswith("run#"))
        letters.update(
            letter["letter"].get("requestContext", {}).get("condition", "") for letter in looking.letters(cloud)
        )

    began = time.process_time()
    with TemporaryDirectory() as folder:
        assembly = assembled(small_project(Path(folder) / "small"))
        switches = Switches(invocations=scene.invocations, concurrency=scene.concurrency)
        result = simulate(
            assembly,
            START,
            START + SPAN,
            only=["slow"],
            prepare=prepare,
            finish=finish,
            switches=switches,
            clock_reads=100 * scene.plans,  # all plans are created at one instant
        )
    print("\n".join(result.delays.lines()))
    latest = result.delays.latest.seconds if result.delays.latest is not None else -1.0
    accounted = statuses["succeeded"] + sum(letters.values())
    print(f"accounted for: {accounted:,} of {scene.plans:,}: {dict(statuses)}, dead letters {dict(letters)}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.process_time() - began:.0f} s of processor time, {memory:,.0f} MB at most")
    reported = letters[MISSED] == statuses["missed"] and sum(letters.values()) == result.letters
    return accounted == scene.plans and reported and is_as_computed(scene, statuses["succeeded"], latest)


def is_as_computed(scene: Scene, ran: int, latest: float) -> bool:
    """Compare with the figures that follow from the quotas, for requests that take no time and for the slowest ones."""
    fast, slow = scene.starts(0), scene.starts(OVERHEAD)
    most, least = (sum(start <= DEADLINE for start in starts) for starts in (fast, slow))
    print(f"computed from the quotas: {least:,} to {most:,} run; the last of {ran:,} starts", end=" ")
    print(f"{fast[ran - 1]:,.1f} to {slow[ran - 1]:,.1f} s after its time")
    return least <= ran <= most and fast[ran - 1] - 0.001 <= latest <= slow[ran - 1] + 0.001


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--plans", type=int, default=200_000)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--invocations", type=int, default=1000)
    options.add_argument("--concurrency", type=int, default=1000)
    chosen = options.parse_args()
    scene = Scene(chosen.plans, chosen.seconds, chosen.invocations, chosen.concurrency)
    equal = play(scene)
    print("as computed" if equal else "NOT as computed")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
