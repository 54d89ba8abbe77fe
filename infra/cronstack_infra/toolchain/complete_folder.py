"""A folder that is either complete or missing, also when two processes fill it or one is interrupted.

A process fills a folder ``*.part`` and renames it at the end. An interrupt (Ctrl-C, power loss, no network) leaves at
most that folder, which the next process removes. A file lock makes a second process wait for the first. The system
releases the lock when its process dies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cronstack_infra.progress import Report


def build_folder_once(complete: Path, fill: Callable[[Path], None], *, progress: Report) -> Path:
    """Return the folder ``complete``. If it is missing, call ``fill``. If ``fill`` raises, no folder is left."""
    if complete.is_dir():
        return complete
    complete.parent.mkdir(parents=True, exist_ok=True)
    with _alone(complete.parent / "fetch.lock", progress):
        if complete.is_dir():
            return complete
        for abandoned in complete.parent.glob("*.part"):
            shutil.rmtree(abandoned, ignore_errors=True)
        part = complete.with_name(f"{complete.name}.{os.getpid()}.part")
        try:
            part.mkdir()
            fill(part)
            part.rename(complete)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return complete


@contextmanager
def _alone(path: Path, progress: Report) -> Iterator[None]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that fetches the same")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
