"""Months of deploys lose no occurrence. ``python -m tests.life --seeds 20`` simulates twenty years."""

from __future__ import annotations

from pathlib import Path

from tests.life.year import name_of, play

DAYS = 130
"""Days in which each change comes at least once. In a year, each comes three times."""


def test_i25_every_occurrence_of_a_year_of_deploys_is_accounted_for(tmp_path: Path) -> None:
    year = play(1, tmp_path, days=DAYS)
    assert not year.account.dropped
    assert not year.account.lost()
    assert not year.account.twice()
    assert [name for name in map(name_of, year.changes()) if not year.happened[name]] == []
    assert year.happened["refused"]
    assert year.happened["rolled back"]
    assert year.happened["deleted"]
    summary = year.account.summary()
    assert summary["ran"] > 500
    assert summary["dead letter"] > 10
    assert summary["cancelled"] > 10
