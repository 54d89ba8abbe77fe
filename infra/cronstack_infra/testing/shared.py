"""One deployed stack for all tests of a process: lent to one test at a time, and as it was deployed for each.

A stack is deployed once, long before any test's time; a test's clock begins by a jump. Between two tests the cloud
sleeps: moto, clocks, chance and environment are as they were before, and what another test does to moto's memory does
no harm, because waking puts the deployed state back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cronstack.errors import CronstackError
from cronstack_infra.ops.deployment import unknown_job
from cronstack_infra.play.simulation.clock.other_clocks import refuse_freezegun
from cronstack_infra.play.simulation.silence import silence
from cronstack_infra.testing.choice import RATE_AGE, Choice
from cronstack_infra.testing.cloud import Cloud, Stack

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.snapshot import Snapshot
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

DEPLOYED_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before the year of any test."""


class Held:
    """A deployed cloud, awake or asleep, and its state as it was deployed."""

    def __init__(self, cloud: VirtualCloud, stack: Stack) -> None:
        self.cloud, self.stack = cloud, stack
        self._clean: dict[frozenset[str] | None, Snapshot] = {None: cloud.snapshot()}
        """The deployed state, by the jobs whose schedules fire; None: all jobs."""

    def wake(self, only: frozenset[str] | None = None) -> None:
        """Restore the deployed state, whatever has been done to moto's memory meanwhile.

        only: jobs whose schedules fire. Defaults to all.
        """
        self.cloud.resume()
        self.cloud.restore(self._clean[None if only not in self._clean else only])
        if only is not None and only not in self._clean:
            silence(self.cloud.client("scheduler"), self.stack.deployment.stack, self.stack.places.keys() - only)
            self._clean[only] = self.cloud.snapshot()

    def check(self, only: frozenset[str] | None) -> None:
        """Raise OperationError for a name that is no deployed job."""
        known = sorted(self.stack.places)
        for unknown in sorted((only or frozenset()) - self.stack.places.keys()):
            raise unknown_job(unknown, known, self.stack.deployment)

    def sleep(self) -> None:
        """moto, the clocks and chance as they are without a cloud."""
        self.cloud.suspend()


class Shared:
    """Of one process. One package of jobs of one project is held; another one takes its place."""

    def __init__(self) -> None:
        self._held: Held | None = None
        self._of: tuple[Path, str, int] | None = None
        self._failed: dict[tuple[Path, str, int], CronstackError] = {}
        """Stacks that cannot be deployed. Every further test reports the same error at once."""

    @contextmanager
    def begun(self, choice: Choice) -> Iterator[Cloud]:
        """A test's cloud, from waking to sleep. Raises OperationError where freezegun is active."""
        refuse_freezegun()
        held = self._deployed(choice)
        held.check(choice.only)
        held.wake(choice.only)
        try:
            held.cloud.hub.most_looks = choice.clock_reads
            held.cloud.play(choice.switches)
            held.cloud.jump(choice.start, rate_age=RATE_AGE)
            yield Cloud(held.cloud, held.stack, choice)
        finally:
            held.sleep()

    def close(self) -> None:
        """Nothing is left: no folder, no mended moto."""
        held, self._held, self._of = self._held, None, None
        if held is not None:
            held.wake()
            held.cloud.close()

    def _deployed(self, choice: Choice) -> Held:
        wanted = (choice.project.root, choice.jobs, choice.seed)
        if wanted in self._failed:
            raise self._failed[wanted]
        if self._held is None or self._of != wanted:
            self.close()
            try:
                self._held, self._of = _deploy(choice), wanted
            except CronstackError as fault:
                self._failed[wanted] = fault
                raise
        return self._held


def _deploy(choice: Choice) -> Held:
    from cronstack_infra.play.simulation.cloud.assembly import synthesize
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

    assembly = synthesize(choice.project, choice.jobs)
    cloud = VirtualCloud(DEPLOYED_AT, seed=choice.seed, shown=str(choice.project.functions))
    cloud.open()
    try:
        cloud.deploy(assembly)
        cloud.events.clear()  # of the stack's own functions, long before the test
        held = Held(cloud, Stack.of(cloud.client, choice))
    except BaseException:
        cloud.close()
        raise
    held.sleep()
    return held
