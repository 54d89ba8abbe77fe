"""Which assemblies stay on the disk: the latest, and all that a cloud still reads its code from."""

from __future__ import annotations

import os
from pathlib import Path

from cronstack_infra.play.simulation.cloud.assembly import KEPT, forget_the_oldest, hold


def assemblies(root: Path, number: int) -> list[Path]:
    """The oldest first."""
    made = [root / f"{index:02}" for index in range(number)]
    for index, folder in enumerate(made):
        folder.mkdir()
        os.utime(folder, (index, index))
    return made


def test_what_is_in_use_stays_however_many_come_after_it(tmp_path: Path) -> None:
    made = assemblies(tmp_path, KEPT + 4)
    assert hold(made[1])
    forget_the_oldest(made[-1])
    assert sorted(tmp_path.iterdir()) == [made[1], *made[-KEPT:]]


def test_what_was_just_deleted_cannot_be_used(tmp_path: Path) -> None:
    assert not hold(tmp_path / "gone")
