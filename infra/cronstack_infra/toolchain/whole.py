"""A folder that is either complete or not there, whoever else makes it at the same time and whatever interrupts it.

It is filled under a name of this process's own; renaming it is the last step. Whatever interrupts that (Ctrl-C, a
power cut, no network) leaves at most a folder ``*.part``, which the next one removes. A file lock, freed by the death
of its process, makes the second of two wait for the first and then find its work done.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cronstack_infra.progress import Say


def whole_folder(complete: Path, fill: Callable[[Path], None], *, progress: Say) -> Path:
    """``complete``, filled by ``fill`` if it is absent. What ``fill`` raises passes through and leaves nothing."""
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
def _alone(path: Path, progress: Say) -> Iterator[None]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is fetching the same; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
