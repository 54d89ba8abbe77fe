"""The watchdog, proved by histories: planted faults are notified once and cleared, quiet ones are not notified."""

from __future__ import annotations

import pytest

from tests.cronstack.watchdog_simulation.faults.catalogue import FAULTS, SLOW_FAULTS
from tests.cronstack.watchdog_simulation.history import KINDS, Kind, play

SEEDS = 30
"""Histories of each test. A proof has 10,000 of each kind."""
MORE = "python -m tests.cronstack.watchdog_simulation --seeds 10000"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", range(4))
def test_histories(kind: Kind, part: int) -> None:
    first = part * SEEDS
    found = [
        f"seed {seed} {verdict.rule}: {verdict.text}"
        for seed in range(first, first + SEEDS)
        for verdict in play(seed, kind).verdicts
    ]
    print(f"{SEEDS} histories with {kind} from seed {first}; more: {MORE} --kind {kind}")
    replay = f"replay: python -m tests.cronstack.watchdog_simulation --kind {kind} --replay SEED; more: {MORE}"
    assert not found, "\n".join([*found[:20], replay])


@pytest.mark.parametrize("fault", [*FAULTS, *SLOW_FAULTS])
def test_each_fault_is_planted_and_notified(fault: str) -> None:
    for seed in (7, 8):
        played = play(seed, "faults", only=[fault])
        assert set(played.faults) == {fault}
        assert not played.verdicts, f"--kind faults --fault {fault} --replay {seed}: {played.verdicts}"


def test_a_lease_that_a_changed_overlap_policy_left_behind_is_no_alert() -> None:
    assert not play(108216, "quiet").verdicts


def test_a_seed_is_one_history() -> None:
    assert play(11, "faults", verbose=True) == play(11, "faults", verbose=True)
