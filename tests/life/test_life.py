"""A year of deploys loses nothing. CI plays one; ``python -m tests.life --seeds 20`` plays more."""

from __future__ import annotations

from pathlib import Path

from tests.life.year import play


def test_i25_every_occurrence_of_a_year_of_deploys_is_accounted_for(tmp_path: Path) -> None:
    year = play(1, tmp_path)
    assert not year.account.dropped
    assert not year.account.lost()
    assert not year.account.twice()
    assert year.happened["refused"]
    assert year.happened["rolled back"]
    summary = year.account.summary()
    assert summary["ran"] > 500
    assert summary["dead letter"] > 10
    assert summary["cancelled"] > 10
