"""Selection of the browser for tests of pages, and the message if no browser is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.browser import REMEDY, REQUIRED, browsers, launch, missing
from tests.places import ROOT


def program(path: Path, text: str = "#!/bin/sh\nexit 1\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_playwrights_browser_comes_before_the_path_and_the_usual_places(tmp_path: Path) -> None:
    own = program(tmp_path / "playwright" / "chrome")
    on_path = program(tmp_path / "bin" / "google-chrome")
    usual = program(tmp_path / "Applications" / "Google Chrome")
    places = (usual, str(tmp_path / "absent"))
    assert browsers(own, str(tmp_path / "bin"), places) == [own, on_path, usual]
    assert browsers(str(tmp_path / "absent"), "", places) == [usual]


def test_a_browser_that_does_not_start_is_skipped(tmp_path: Path) -> None:
    """Ubuntu's chromium-browser may be a script that prints how to install it."""
    sync_api = pytest.importorskip("playwright.sync_api")
    broken = program(tmp_path / "chromium-browser")
    with sync_api.sync_playwright() as playwright:
        started, why = launch(playwright, [broken])
        assert started is None
        assert why.startswith(f"{broken} does not start: ")
        assert "\n" not in why
        assert launch(playwright, []) == (None, "no Chromium or Chrome is installed")


def test_without_a_browser_the_test_is_skipped_with_the_remedy() -> None:
    with pytest.raises(pytest.skip.Exception) as ended:
        missing("no Chromium or Chrome is installed", {})
    assert str(ended.value) == f"no Chromium or Chrome is installed. {REMEDY}"


def test_a_missing_required_browser_is_a_failure() -> None:
    with pytest.raises(pytest.fail.Exception, match="playwright install chromium") as ended:
        missing("no Chromium or Chrome is installed", {REQUIRED: "1"})
    assert "\n" not in str(ended.value)


def test_ci_requires_a_browser() -> None:
    assert f"export {REQUIRED}=1" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_line_is_printed_once_for_all_tests(tmp_path: Path) -> None:
    """Ten tests of one page need one browser."""
    root = ROOT
    environ = os.environ | {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    environ.pop(REQUIRED, None)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "tests/play/report"]
    ended = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, timeout=300)
    if REMEDY not in ended.stdout and " skipped" not in ended.stdout:
        pytest.skip("this machine has a browser outside of PATH, where the test cannot hide it")
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.count(REMEDY) == 1
    assert f" skipped: no Chromium or Chrome is installed. {REMEDY}" in ended.stdout
