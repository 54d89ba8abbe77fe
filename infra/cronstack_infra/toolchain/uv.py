"""Find uv, the installer of Python packages."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Final

UV_PLACES: Final = ("~/.local/bin", "~/.cargo/bin", "/opt/homebrew/bin", "/usr/local/bin")
"""Folders of uv's installer, cargo and Homebrew. They may not be on the PATH of an editor."""


def find_uv(project: Path) -> list[str] | None:
    """Return the command that runs uv. Return None if it is not installed."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    installed = os.pathsep.join(str(Path(place).expanduser()) for place in (project / ".tools" / "bin", *UV_PLACES))
    found = os.environ.get("UV") or shutil.which("uv") or shutil.which("uv", path=installed)  # "uv run" sets UV
    return [found] if found else None
