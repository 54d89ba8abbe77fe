"""A browser for tests of pages, controlled by Playwright: its own, or a Chromium or Chrome of this machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

APT = "apt-get update && apt-get install -y --no-install-recommends chromium"
REMEDY = f"Run: uv run playwright install chromium (or: sudo sh -c '{APT}')"
REQUIRED = "CRONSTACK_BROWSER_REQUIRED"
"""Environment variable, set by .ci/run, that makes a missing browser a failure."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
PLACES = (
    "/opt/google/chrome/chrome",
    "/snap/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
QUIET = (
    "--no-sandbox",  # required for root
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a headless browser. If none starts, root installs one; for other users the test is skipped or fails."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        started, why = launch(playwright, browsers(own, os.environ.get("PATH", "")))
        if started is None and os.geteuid() == 0 and shutil.which("apt-get"):
            started, why = launch(playwright, installed(own))
        if started is None:
            missing(why, os.environ)
        yield started
        started.close()


def browsers(own: str, path: str, places: tuple[str, ...] = PLACES) -> list[str]:
    """Return the browsers of this machine, first ``own``, that of Playwright."""
    usual = [os.path.expanduser(place) for place in places]
    found = [shutil.which(own), *(shutil.which(name, path=path) for name in NAMES), *map(shutil.which, usual)]
    return list(dict.fromkeys(path for path in found if path is not None))


def launch(playwright: Any, candidates: list[str]) -> tuple[Any, str]:
    """Start the first candidate that works. If none does, return None and the error of the last."""
    from playwright.sync_api import Error

    why = "no Chromium or Chrome is installed"
    for candidate in candidates:
        try:
            return playwright.chromium.launch(executable_path=candidate, args=list(QUIET)), ""
        except Error as fault:  # a library is missing, or the program only prints how to install the browser
            why = f"{candidate} does not start: {fault.message.splitlines()[0]}"
    return None, why


def installed(own: str) -> list[str]:
    """Install Debian's Chromium. Return the browsers of this machine."""
    with (Path(tempfile.gettempdir()) / "cronstack-chromium").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # only one of several test processes installs it
        if shutil.which("chromium") is None:
            environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(["sh", "-c", APT], env=environ, capture_output=True, text=True, timeout=400)
            if done.returncode != 0:
                pytest.fail(f"Chromium could not be installed:\n{(done.stdout + done.stderr)[-1500:]}", pytrace=False)
    return browsers(own, os.environ.get("PATH", ""))


def missing(why: str, environ: Mapping[str, str]) -> NoReturn:
    """Skip the test with one line, or fail it if a browser is required."""
    line = f"{why}. {REMEDY}"
    if environ.get(REQUIRED):
        pytest.fail(line, pytrace=False)
    pytest.skip(line)
