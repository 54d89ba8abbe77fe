"""What the AWS APIs call when a request changes something that the engine acts on.

Replaced members of moto get this port, so they depend on the engine's values only. ``effects.runner.EffectRunner``
implements it. The caller holds BACKENDS.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cronstack_infra.local.engine.sources import SourceConfig
    from cronstack_infra.local.engine.values import ScheduleConfig
    from cronstack_infra.local.executor.values import Outcome


class EnginePort(Protocol):
    """The engine as requests see it. Function ARNs may have a qualifier."""

    def now(self) -> datetime: ...

    def put_schedule(self, config: ScheduleConfig) -> None:
        """A schedule was created or updated."""

    def delete_schedule(self, arn: str) -> None: ...

    def put_source(self, config: SourceConfig) -> None:
        """An event source mapping was created or updated."""

    def delete_source(self, uuid: str) -> None: ...

    def queue_changed(self, arn: str) -> None:
        """A queue has a new message, or shows one again."""

    def accept(self, function_arn: str, payload: str) -> str:
        """Queue an asynchronous event of a qualified function; return its request id."""
        ...

    def invoke(self, function_arn: str, payload: str, client_context: str | None = None) -> tuple[str, Outcome]:
        """Invoke a function and wait; return its request id and its outcome. Raises what Invoke answers."""
        ...

    def function_created(self) -> None: ...

    def function_deleted(self, arn: str, version: str | None) -> None:
        """A function was deleted, or only one version of it. ``arn`` has no qualifier."""

    def note(self, text: str) -> None:
        """Report a difference from AWS to the user."""
