"""The two interfaces around the engine, as Protocols.

    requests ──EnginePort──▶ EffectRunner ──Drive──▶ clock, handler processes
                                  │ ▲
                           inputs ▼ │ effects
                                Engine

The AWS APIs call ``EnginePort`` when a request changes something that the engine acts on. The patches of moto get it
as an argument, so they depend only on the engine's values. ``effects.runner.EffectRunner`` implements it.

``Drive`` has the differences between the real cloud and the virtual one: the clock, where an invocation runs, and how
a caller waits. ``local.drive.RealDrive`` uses the machine's clock and real handler processes.
``play.simulation.cloud.drive.VirtualDrive`` uses a clock that jumps, and runs handlers in this process.

The caller holds BACKENDS, except where a method's docstring states otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from cronstack_infra.local.engine.sources import SourceConfig
    from cronstack_infra.local.engine.values import Deliver, ScheduleConfig, TargetError
    from cronstack_infra.local.executor.values import Invocation, InvocationOutcome
    from cronstack_infra.switches.settings import Switches


class EnginePort(Protocol):
    """The engine's interface for requests. Function ARNs may have a qualifier."""

    @property
    def switches(self) -> Switches:
        """The switches by which AWS is played."""
        ...

    def now(self) -> datetime: ...

    def put_schedule(self, config: ScheduleConfig) -> None:
        """Handle a created or updated schedule."""

    def delete_schedule(self, arn: str) -> None: ...

    def delete_group(self, arn: str) -> bool:
        """Handle a deleted schedule group. Return whether the group and its schedules disappear only later."""
        ...

    def put_source(self, config: SourceConfig) -> None:
        """Handle a created or updated event source mapping."""

    def delete_source(self, uuid: str) -> None: ...

    def queue_changed(self, arn: str) -> None:
        """Handle a new or newly visible message of a queue."""

    def accept(self, function_arn: str, payload: str) -> str:
        """Queue an asynchronous event of a qualified function; return its request id."""
        ...

    def invoke(
        self, function_arn: str, payload: str, client_context: str | None = None
    ) -> tuple[str, InvocationOutcome]:
        """Invoke a function and wait; return its request id and its outcome. Raises Invoke's errors."""
        ...

    def function_created(self) -> None: ...

    def function_deleted(self, arn: str, version: str | None) -> None:
        """Handle a deleted function, or a deleted version of it. ``arn`` has no qualifier."""

    def note(self, text: str) -> None:
        """Report a difference from AWS to the user."""


class InvocationAnswer:
    """The answer that the caller of a synchronous invocation waits for."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.outcome: InvocationOutcome | None = None
        self.on_end: Callable[[], object] | None = None
        """Called when the outcome is set."""

    def set(self, outcome: InvocationOutcome) -> None:
        self.outcome = outcome
        if self.on_end is not None:
            self.on_end()


class Drive(Protocol):
    """The drive's interface for effects."""

    def now(self) -> datetime: ...

    def report(self, event: str, **fields: Any) -> None:
        """Report an event of the cloud, with the time."""

    def wake(self) -> None:
        """Call ``step`` soon: the engine's state has changed."""

    def soon(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` soon, under the lock. From any thread."""

    def fires_from(self, config: ScheduleConfig) -> datetime:
        """Return the time from which a new schedule fires."""
        ...

    def enqueue(self, request_id: str, put: Callable[[], None]) -> None:
        """Call ``put``, which queues an asynchronous event: now, or later as a simulated fault."""

    def execute(self, invocation: Invocation) -> None:
        """Start an invocation. The drive calls ``EffectRunner.finished`` at its end."""

    def wait(self, answer: InvocationAnswer) -> InvocationOutcome:
        """Wait for the end of an invocation, with the lock released meanwhile; return its outcome."""
        ...

    def expect(self) -> None:
        """Prepare for invocations: a function exists now."""

    def retire(self, arn: str, version: str | None) -> None:
        """End the sandboxes of a deleted function, or of one deleted version."""

    def call(self, deliver: Deliver, then: Callable[[TargetError | Exception | None], None]) -> None:
        """Call the API of a universal target as the schedule's role. Pass the result to ``then``: None for success."""
