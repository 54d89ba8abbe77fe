"""The pytest plugin of Cronstack: the fixture ``cloud``. Installing the package installs the plugin.

    def test_a_crash_costs_no_night(cloud):
        cloud.faults.crash("nightly", on_attempt=1)
        cloud.advance(days=7)
        assert [run.status for run in cloud.runs("nightly")] == ["succeeded"] * 7

A session without ``cloud`` imports only this file. The first test with ``cloud`` imports the rest and synthesizes the
stack; all processes share the result, and it is reused until a source changes. Each test then gets the deployed stack
in milliseconds. Between these tests, moto, the clocks and the environment are unchanged, so that tests with their own
``mock_aws`` can run in the same session, in any order.

    @pytest.mark.cronstack(only=["nightly"], start="2013-01-01", seed=7)     on a test, class or module
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from cronstack_infra.testing import jobs_import

if TYPE_CHECKING:
    from cronstack_infra.testing.cloud import Cloud
    from cronstack_infra.testing.shared import Shared

MARKER = (
    'cronstack(jobs="jobs", only=None, start="2026-01-01T00:00:30", seed=0, clock_reads=5000000, switches=None): '
    "the package of jobs that the fixture cloud deploys, the jobs whose schedules fire (default: all), the start of "
    "its clock (UTC), its seed, the most clock reads of a handler without waiting, and how AWS is simulated "
    "(cronstack switches)"
)
_SHARED: pytest.StashKey[Shared] = pytest.StashKey()
_CLOUD: pytest.StashKey[Cloud] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    config.add_cleanup(jobs_import.install(config.rootpath))


@pytest.fixture
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Yield the project's stack, deployed to the test's own cloud, on a virtual clock."""
    from cronstack.errors import CronstackError
    from cronstack_infra.testing.choice import Choice
    from cronstack_infra.testing.shared import Shared

    config, item = request.config, request.node
    shared = config.stash.setdefault(_SHARED, Shared())
    with ExitStack() as cleanup:
        started: Cloud | str
        try:
            choice = Choice.of(item.iter_markers("cronstack"), item.path)
            started = cleanup.enter_context(shared.cloud_for(choice))
        except CronstackError as fault:
            started = str(fault)
        if isinstance(started, str):
            pytest.fail(started, pytrace=False)  # frames of Cronstack explain nothing about the project
        item.stash[_CLOUD] = started
        yield started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the timeline and the places of the jobs to the report of a failed test."""
    report = yield
    if report.when == "call" and report.failed and (cloud := item.stash.get(_CLOUD, None)) is not None:
        report.sections.append(("cronstack", cloud.timeline()))
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    if (shared := config.stash.get(_SHARED, None)) is not None:
        shared.close()
