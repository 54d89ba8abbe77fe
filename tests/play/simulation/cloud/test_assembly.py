"""Which assemblies stay on the disk: the latest ones, and those from which a cloud still reads code."""

from __future__ import annotations

import os
from pathlib import Path

from cronstack_infra.play.simulation.cloud.assembly import MAX_KEPT, delete_oldest_unused, mark_in_use


def assemblies(root: Path, number: int) -> list[Path]:
    """Create folders of assemblies, the oldest first."""
    folders = [root / f"{index:02}" for index in range(number)]
    for index, folder in enumerate(folders):
        folder.mkdir()
        os.utime(folder, (index, index))
    return folders


def test_an_assembly_in_use_stays_whatever_its_age(tmp_path: Path) -> None:
    folders = assemblies(tmp_path, MAX_KEPT + 4)
    assert mark_in_use(folders[1])
    delete_oldest_unused(folders[-1])
    assert sorted(tmp_path.iterdir()) == [folders[1], *folders[-MAX_KEPT:]]


def test_a_deleted_assembly_cannot_be_marked_as_in_use(tmp_path: Path) -> None:
    assert not mark_in_use(tmp_path / "gone")
