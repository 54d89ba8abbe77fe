"""One deployed stack for all tests of a process. One test at a time uses it, and each gets the deployed state.

The stack is deployed once, at a virtual time before any test; a test's clock then jumps to its start. Between two tests
the cloud sleeps: moto, clocks, random numbers and environment have their original state. Other tests may change moto's
memory, because waking restores the deployed state.
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


class DeployedCloud:
    """A deployed cloud, awake or asleep, with snapshots of its deployed state."""

    def __init__(self, cloud: VirtualCloud, stack: Stack) -> None:
        self.cloud, self.stack = cloud, stack
        self._clean: dict[frozenset[str] | None, Snapshot] = {None: cloud.snapshot()}
        """The deployed state, by the jobs whose schedules fire; None: all jobs."""

    def wake(self, only: frozenset[str] | None = None) -> None:
        """Restore the deployed state, also if moto's memory has changed meanwhile.

        only: jobs whose schedules fire. Defaults to all.
        """
        self.cloud.resume()
        self.cloud.restore(self._clean[None if only not in self._clean else only])
        if only is not None and only not in self._clean:
            silence(self.cloud.client("scheduler"), self.stack.deployment.stack, self.stack.places.keys() - only)
            self._clean[only] = self.cloud.snapshot()

    def check(self, only: frozenset[str] | None) -> None:
        """Raise OperationError for a name that is not a deployed job."""
        known = sorted(self.stack.places)
        for unknown in sorted((only or frozenset()) - self.stack.places.keys()):
            raise unknown_job(unknown, known, self.stack.deployment)

    def sleep(self) -> None:
        """Restore moto, the clocks and random numbers as they are without a cloud."""
        self.cloud.suspend()


class Shared:
    """The deployed cloud of a process: one package of one project. Another package replaces it."""

    def __init__(self) -> None:
        self._held: DeployedCloud | None = None
        self._key: tuple[Path, str, int] | None = None
        self._failed: dict[tuple[Path, str, int], CronstackError] = {}
        """Errors of stacks that cannot be deployed. Further tests report the same error at once."""

    @contextmanager
    def cloud_for(self, choice: Choice) -> Iterator[Cloud]:
        """Wake the cloud for a test, yield it, and suspend it. Raise OperationError if freezegun is active."""
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
        """Remove all folders and all patches of moto."""
        held, self._held, self._key = self._held, None, None
        if held is not None:
            held.wake()
            held.cloud.close()

    def _deployed(self, choice: Choice) -> DeployedCloud:
        key = (choice.project.root, choice.jobs, choice.seed)
        if key in self._failed:
            raise self._failed[key]
        if self._held is None or self._key != key:
            self.close()
            try:
                self._held, self._key = _deploy(choice), key
            except CronstackError as fault:
                self._failed[key] = fault
                raise
        return self._held


def _deploy(choice: Choice) -> DeployedCloud:
    from cronstack_infra.play.simulation.cloud.assembly import synthesize
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

    assembly = synthesize(choice.project, choice.jobs)
    cloud = VirtualCloud(DEPLOYED_AT, seed=choice.seed, shown=str(choice.project.functions))
    cloud.open()
    try:
        cloud.deploy(assembly)
        cloud.events.clear()  # from the deployment, before the time of the test
        held = DeployedCloud(cloud, Stack.of(cloud.client, choice))
    except BaseException:  # raised again after clean-up, also Ctrl-C
        cloud.close()
        raise
    held.sleep()
    return held
