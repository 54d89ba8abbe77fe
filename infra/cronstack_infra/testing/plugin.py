"""The pytest plugin, there with the package: the fixture ``cloud``.

    def test_a_crash_costs_no_night(cloud):
        cloud.faults.crash("nightly", on_attempt=1)
        cloud.advance(days=7)
        assert [run.status for run in cloud.runs("nightly")] == ["succeeded"] * 7

It costs a session that does not use it this file and nothing else: all the rest is imported by the first test that
asks for ``cloud``. That test also synthesizes the stack, once for all processes of a session and until a source
changes; each test then has the stack as it was deployed, in milliseconds. Between the tests moto, the clocks and the
environment are as without the plugin, so that tests with their own ``mock_aws`` run beside these, in any order.

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
    "the package of jobs that the fixture cloud deploys, the jobs whose schedules fire (default: all), when its clock "
    "begins (UTC), its seed, how often a handler may read the clock without waiting, and how AWS is played "
    "(cronstack switches)"
)
_SHARED: pytest.StashKey[Shared] = pytest.StashKey()
_CLOUD: pytest.StashKey[Cloud] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    config.add_cleanup(jobs_import.install(config.rootpath))


@pytest.fixture
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """The project's stack, deployed to a cloud of this test's own, on a virtual clock."""
    from cronstack.errors import CronstackError
    from cronstack_infra.testing.choice import Choice
    from cronstack_infra.testing.shared import Shared

    config, item = request.config, request.node
    shared = config.stash.setdefault(_SHARED, Shared())
    with ExitStack() as at_the_end:
        begun: Cloud | str
        try:
            choice = Choice.of(item.iter_markers("cronstack"), item.path)
            begun = at_the_end.enter_context(shared.begun(choice))
        except CronstackError as fault:
            begun = str(fault)
        if isinstance(begun, str):
            pytest.fail(begun, pytrace=False)  # frames of Cronstack explain nothing about the project
        item.stash[_CLOUD] = begun
        yield begun


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Beneath a failure: what happened, and where the jobs stand."""
    report = yield
    if report.when == "call" and report.failed and (begun := item.stash.get(_CLOUD, None)) is not None:
        report.sections.append(("cronstack", begun.told()))
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    if (shared := config.stash.get(_SHARED, None)) is not None:
        shared.close()
