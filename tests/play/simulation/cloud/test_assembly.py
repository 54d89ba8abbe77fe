"""Which assemblies stay on the disk: the latest, and all that a cloud still reads its code from."""

from __future__ import annotations

import os
from pathlib import Path

from cronstack_infra.play.simulation.cloud.assembly import MAX_KEPT, delete_oldest_unused, mark_in_use


def assemblies(root: Path, number: int) -> list[Path]:
    """The oldest first."""
    made = [root / f"{index:02}" for index in range(number)]
    for index, folder in enumerate(made):
        folder.mkdir()
        os.utime(folder, (index, index))
    return made


def test_what_is_in_use_stays_however_many_come_after_it(tmp_path: Path) -> None:
    made = assemblies(tmp_path, MAX_KEPT + 4)
    assert mark_in_use(made[1])
    delete_oldest_unused(made[-1])
    assert sorted(tmp_path.iterdir()) == [made[1], *made[-MAX_KEPT:]]


def test_what_was_just_deleted_cannot_be_used(tmp_path: Path) -> None:
    assert not mark_in_use(tmp_path / "gone")
