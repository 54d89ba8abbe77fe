"""Set-up for all tests: the order of their files, the handling of Ctrl-C, and the imports of temporary projects."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from cronstack_infra.local.moto.documents import parsed_once
from tests.places import ROOT, TESTS

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs with Ctrl-C ignored. Children inherit that, and a process that a test interrupts
    # would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)


_shared = parsed_once()
_shared.__enter__()  # never left: each mocked AWS creates a new session of the SDK, which parses its files again


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Remove the package ``jobs`` of a temporary project from sys.modules, because the next test may import ours."""
    ours = ROOT / "functions"
    names = [name for name in sys.modules if name.partition(".")[0] == "jobs"]
    files = [file for name in names if (file := getattr(sys.modules[name], "__file__", None))]
    if not all(Path(file).is_relative_to(ours) for file in files):
        for name in names:
            del sys.modules[name]


TOGETHER = tuple(f"e2e/runs/test_{name}.py" for name in ("carriers", "delivered_many_times", "once", "operators"))
"""Files that share a deployment. They run in one process, which deploys once for all of them."""

PAGES = "pages/test_pages.py"
"""The tests of pages, which share nothing."""

LONG = (
    *TOGETHER,
    PAGES,
    *(f"e2e/test_{name}.py" for name in ("cdk_cli", "demo", "up_kills", "foreign_schedules")),
    "e2e/new/test_new_from_wheel.py",
    "e2e/new/test_new_synced.py",
    *(
        "e2e/runs/test_load.py",
        "e2e/test_foreign_stack.py",
        "e2e/runs/test_payments_killed.py",
        "play/prove/test_walk.py",
        "testing/test_plugin.py",
        "play/prove/test_prove.py",
        "play/prove/test_mixed.py",
        "contract/test_refusals.py",
    ),
    *("testing/test_neighbours.py", "testing/test_import_surroundings.py", "local/http/test_every_service.py"),
)
"""Files that take about a minute or more, the longest first. Started last, one would run alone at the end."""


def pytest_configure() -> None:
    """Raise UsageError when ``LONG`` names a missing file, because the order would silently be lost."""
    missing = [file for file in LONG if not (TESTS / file).is_file()]
    if missing:
        raise pytest.UsageError(f"tests/conftest.py: TOGETHER and LONG name files that do not exist: {missing}")


class ByFile(LoadFileScheduling):
    """Run the tests of one file in one process, also the files of ``TOGETHER``. Each page may run in another one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        if file.endswith(PAGES):
            return nodeid
        return "together" if file.endswith(TOGETHER) else file


@pytest.hookimpl(optionalhook=True)  # pytest without xdist does not have this hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def turn(item: pytest.Item) -> tuple[int, bool]:
    """Return the sort key of a test: the long files first, then the e2e tests, which mostly wait, then the others."""
    file = item.nodeid.partition("::")[0]
    rank = next((number for number, name in enumerate(LONG) if file.endswith(name)), len(LONG))
    return rank, "/e2e/" not in file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=turn)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each reason for which tests were skipped, once."""
    reports = [report for report in terminalreporter.stats.get("skipped", ()) if isinstance(report.longrepr, tuple)]
    for reason, count in Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports).items():
        terminalreporter.write_line(f"{count} skipped: {reason}")
