"""Jobs of ``tests/e2e`` with all switches at their harshest: each occurrence runs or becomes a dead letter.

HARSHEST_SEEDS=100 pytest tests/play/simulation/harsh/test_harshest.py     more seeds than here
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cronstack.errors import CronstackError
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.trigger import trigger
from cronstack_infra.play.simulation import looking
from cronstack_infra.play.simulation.cloud.snapshot import Snapshot
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.switches.parsing import read
from tests.places import ROOT
from tests.play.simulation.conftest import START, assembled, small_project

SEEDS = range(int(os.environ.get("HARSHEST_SEEDS", "4")))
DAYS = 20
PLANS = 20
STARTS = 10
ULIDS = [f"01KDVDNA00856109Y4T71RD{number:03}" for number in range(STARTS)]
"""ULIDs of the runs that an operator starts."""
ENDED = {"succeeded", "skipped"}
"""Outcomes without a letter. Any other has one. Its row keeps "reported"; the queue deletes letters after some time."""


@pytest.fixture(scope="module")
def harsh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VirtualCloud, Snapshot]]:
    folder = tmp_path_factory.mktemp("e2e")
    (folder / "jobs").mkdir()
    (folder / "jobs" / "__init__.py").touch()
    for name in ("fragile.py", "planned.py", "stubborn.py", "patient.py"):
        shutil.copy(ROOT / "tests" / "e2e" / "jobs" / name, folder / "jobs" / name)
    with VirtualCloud(START, seed=7) as cloud:
        cloud.deploy(assembled(small_project(folder / "small", folder / "jobs")))
        cloud.advance(timedelta(minutes=10))  # its roles are no longer new
        clean = cloud.snapshot()
        cloud.sleep()
        yield cloud, clean


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost(harsh: tuple[VirtualCloud, Snapshot], seed: int, tmp_path: Path) -> None:
    cloud, clean = harsh
    cloud.wake(clean)
    try:
        cloud.play(read(["harshest"], seed=seed))
        plan(cloud, tmp_path / "effects")
        start(cloud, tmp_path / "effects")
        cloud.advance(timedelta(days=DAYS))
        ends_by_occurrence = outcomes(cloud)
    finally:
        cloud.sleep()
    lost = {occurrence for occurrence, ends in ends_by_occurrence.items() if not ends}
    assert len(ends_by_occurrence) == DAYS + PLANS + STARTS
    assert lost == set(), f"seed {seed}"


def plan(cloud: VirtualCloud, effects: Path) -> None:
    """Plan one occurrence every three hours. Repeat a request that fails at random, as its error requires."""
    once = once_of(cloud.client, find_deployment(cloud.client("cloudformation"), "small"))
    for number in range(PLANS):
        when = START + timedelta(hours=3 * number + 1)
        for _ in range(20):
            try:
                once.schedule("planned", key=f"plan-{number}", at=when, input={"effects": str(effects)})
                break
            except CronstackError:
                continue
        else:
            raise AssertionError(f"plan-{number} was not accepted")


def start(cloud: VirtualCloud, effects: Path) -> None:
    """Start runs that carriers bring back twice."""
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    for ulid in ULIDS:
        input = {"effects": str(effects), "after": 60}
        trigger(cloud.client, deployment, "stubborn", now=cloud.now, ulid=ulid, input=input)


def outcomes(cloud: VirtualCloud) -> dict[str, list[str]]:
    """Return the outcomes of each occurrence, from its rows and letters."""
    days = (START + timedelta(days=number, hours=5) for number in range(DAYS))
    ends: dict[str, list[str]] = {f"{day:%Y-%m-%dT%H:%M:%SZ}": [] for day in days}
    ends |= {f"plan-{number}": [] for number in range(PLANS)} | {ulid: [] for ulid in ULIDS}
    items = [item for item in looking.ledger_rows(cloud) if item.get("status") in ENDED or item.get("reported")]
    texts = [(str(item["status"]), json.dumps(item)) for item in items]
    texts += [(f"letter of {letter['origin']}", json.dumps(letter)) for letter in looking.letters(cloud)]
    for status, text in texts:
        for name in re.findall(r"plan-\d+|01KDV\w{21}|2027-03-\d\dT05:00:00Z", text.replace(".000Z", "Z"))[:1]:
            if name in ends:
                ends[name].append(status)
    return ends
