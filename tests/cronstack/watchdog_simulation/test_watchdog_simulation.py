"""The watchdog, proved by histories: planted faults are notified once and cleared, quiet ones are not notified."""

from __future__ import annotations

import pytest

from tests.cronstack.watchdog_simulation.faults.catalogue import FAULTS, SLOW_FAULTS
from tests.cronstack.watchdog_simulation.history import KINDS, Kind, play

SEEDS = 150
"""Histories of each kind. The project's proof has 10,000 of each."""
MORE = "more: python -m tests.cronstack.watchdog_simulation --seeds 10000"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("half", [0, 1])
def test_histories(kind: Kind, half: int) -> None:
    first = half * SEEDS
    found = [
        f"seed {seed} {verdict.rule}: {verdict.text}"
        for seed in range(first, first + SEEDS)
        for verdict in play(seed, kind).verdicts
    ]
    print(f"{SEEDS} histories with {kind}; {MORE} --kind {kind}")
    assert not found, "\n".join(
        [*found[:20], f"replay: python -m tests.cronstack.watchdog_simulation --replay SEED; {MORE}"]
    )


@pytest.mark.parametrize("fault", [*FAULTS, *SLOW_FAULTS])
def test_each_fault_is_planted(fault: str) -> None:
    for seed in range(5):
        played = play(seed, "faults", only=[fault])
        assert set(played.faults) == {fault}
        assert not played.verdicts, f"seed {seed}: {played.verdicts}"
