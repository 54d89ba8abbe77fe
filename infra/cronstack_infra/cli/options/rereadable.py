"""A file argument that a command reads more than once. Stdin and pipes are copied first."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile


@dataclass(frozen=True)
class RereadableFile:
    """A regular file, and the name that messages show."""

    path: Path
    name: str


@contextmanager
def rereadable(file: Path) -> Iterator[RereadableFile]:
    """Yield a source that can be read any number of times. ``-`` is stdin."""
    is_stdin = str(file) == "-"
    if not is_stdin and file.is_file():
        yield RereadableFile(file, str(file))
        return
    with NamedTemporaryFile(prefix="cronstack-") as copy:
        if is_stdin:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        else:
            with file.open("rb") as pipe:
                shutil.copyfileobj(pipe, copy)
        copy.flush()
        yield RereadableFile(Path(copy.name), "<stdin>" if is_stdin else str(file))
