"""The parameters that the patches need from the cloud that applies them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cronstack import clock
from cronstack.errors import CronstackError
from cronstack_infra.local.lock import BACKENDS

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort


def wait_unlocked(seconds: float) -> None:
    """Release the lock for the seconds, or until another request has changed something."""
    BACKENDS.wait(seconds)


def _not_in_process(stubber: Any, event_name: str, request: Any) -> Any:
    raise CronstackError("this cloud does not answer requests of its own process", remedy="Pass ``answer``.")


@dataclass(frozen=True)
class PatchParameters:
    """The parameters of the patches, passed when they are applied."""

    endpoint: str = ""
    """The address of the local cloud, used in the URLs of queues."""
    now: Callable[[], datetime] = clock.now
    wait: Callable[[float], None] = wait_unlocked
    """Function that a long poll waits with. Defaults to waiting with the lock released."""
    port: EnginePort | None = None
    """The engine of schedules, invocations and event sources. None: the patches that need it are not applied."""
    answer: Callable[[Any, str, Any], Any] = _not_in_process
    """Handler of the requests of this process: moto's stubber, botocore's event, the request."""

    @property
    def engine(self) -> EnginePort:
        """Return the port. Raise CronstackError if it is None."""
        if self.port is None:
            raise CronstackError("this patch needs the engine's port", remedy="Pass ``port`` in the surroundings.")
        return self.port
