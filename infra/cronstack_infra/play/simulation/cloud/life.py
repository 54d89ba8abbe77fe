"""The states of a virtual cloud. While it is awake, moto, the clocks, waiting and randomness are the cloud's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from moto import mock_aws
from moto.moto_api._internal import mock_random

from cronstack.onetime.once import once
from cronstack_infra.local.environment import REGION
from cronstack_infra.local.moto.patch import Applied
from cronstack_infra.local.moto.surroundings import PatchParameters
from cronstack_infra.local.patches.install import (
    install,
    install_cloudformation,
    install_in_process,
    reinstall,
    uninstall,
)
from cronstack_infra.play.simulation.cloud.compose import Parts
from cronstack_infra.play.simulation.cloud.snapshot import SavedBackends

ENDPOINT: Final = f"https://sqs.{REGION}.amazonaws.com"
"""Endpoint in the URLs of queues: AWS's own host name, which moto answers in this process."""


class Life:
    """The states of one cloud."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._awake = False
        self._mock: Any = None
        self._saved: SavedBackends | None = None
        self._suspended: Sequence[Applied] = ()
        """The patches that ``suspend`` has removed, for ``resume``."""
        self._once = ExitStack()
        """Open while ``cronstack.once`` uses this cloud."""

    def open(self, seed: int) -> None:
        """Wake for the first time."""
        mock_random.seed(f"moto {seed}")
        self.wake()
        self._parts.expiry.start()

    def wake(self) -> None:
        """Patch moto, replace clocks and randomness. Do nothing if already awake."""
        if self._awake:
            return
        self._saved = SavedBackends()
        self._mock = mock_aws()
        self._mock.start()
        self._patch()
        self._redirect_once()
        self._parts.patched_process.start()
        self._awake = True

    def sleep(self) -> None:
        """Restore everything. Running handlers are dropped, and the state is lost."""
        if not self._awake:
            return
        self._awake = False
        self._parts.handlers.drop()
        self._parts.patched_process.stop()
        self._once.close()
        uninstall()
        self._mock.stop()
        assert self._saved is not None
        self._saved.restore()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Use the real clocks and randomness for a while."""
        self._parts.patched_process.stop()
        try:
            yield
        finally:
            self._parts.patched_process.start()

    def suspend(self) -> None:
        """Restore moto, clocks and randomness until ``resume``."""
        self._parts.handlers.drop()
        self._parts.patched_process.stop()
        self._once.close()
        self._suspended = uninstall()
        self._mock.stop()

    def resume(self) -> None:
        """Wake after ``suspend``. Restore a snapshot afterwards: other code may have used moto meanwhile."""
        self._mock.start()
        reinstall(self._suspended)
        self._redirect_once()
        self._parts.patched_process.start()

    def _redirect_once(self) -> None:
        self._once.enter_context(once.using(self._parts.calls.transport))

    def _patch(self) -> None:
        drive = self._parts.drive
        around = PatchParameters(
            endpoint=ENDPOINT,
            now=drive.now,
            wait=self._parts.passing.sleep,
            port=drive.effects,
            answer=self._parts.calls.over_botocore,
        )
        install(around)
        install_cloudformation(around)
        install_in_process(around)
