"""A real browser for pages: Debian's Chromium, driven by Playwright. Where it is missing it is installed, or said."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium"
QUIET = (
    "--no-sandbox",  # root has no other way
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """Its path. Installs it as root; otherwise the test fails with the line to run: it never skips."""
    with (Path(tempfile.gettempdir()) / "cronstack-chromium").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # several test processes, one installation
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
            environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(["sh", "-c", INSTALL], env=environ, capture_output=True, text=True, timeout=400)
            found = shutil.which("chromium")
            if found is None:
                pytest.fail(f"Chromium could not be installed:\n{(done.stdout + done.stderr)[-1500:]}")
        if found is None:
            pytest.fail(f"Chromium is missing. Run this, then the tests again: sudo sh -c '{INSTALL}'")
        return found


@contextmanager
def browser() -> Iterator[Any]:
    """A headless browser; ``new_page()`` of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=list(QUIET))
        yield started
        started.close()
