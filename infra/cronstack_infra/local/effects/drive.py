"""In what the real cloud and the virtual one differ: the clock, where an invocation runs, and how a caller waits.

``local.drive.RealDrive`` goes by the machine's clock and has real handler processes.
``play.simulation.drive.VirtualDrive`` goes by a clock that jumps and has handlers in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from cronstack_infra.local.engine.values import Refusal, ScheduleConfig
from cronstack_infra.local.executor.values import Invocation, Outcome


class Answer:
    """The answer that the caller of a synchronous invocation waits for."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.outcome: Outcome | None = None
        self.on_end: Callable[[], object] | None = None
        """Called when the outcome is set."""

    def set(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if self.on_end is not None:
            self.on_end()


class Drive(Protocol):
    """What carrying out effects needs from a drive."""

    def now(self) -> datetime: ...

    def say(self, event: str, **fields: Any) -> None:
        """Report an event of the cloud, with the time."""

    def wake(self) -> None:
        """The engine's state has changed: ``step`` may have effects."""

    def soon(self, thing: Callable[[], None]) -> None:
        """Call ``thing`` soon, under the lock. From any thread."""

    def beginning_of(self, config: ScheduleConfig) -> datetime:
        """Return the time from which a new schedule fires."""
        ...

    def enqueue(self, request_id: str, put: Callable[[], None]) -> None:
        """Call ``put``, which puts an asynchronous event into Lambda's queue: now, or later as a fault."""

    def execute(self, invocation: Invocation) -> None:
        """Begin an invocation. The drive calls ``EffectRunner.finished`` at its end."""

    def wait(self, answer: Answer) -> Outcome:
        """Return the outcome of an invocation once it has ended, with the lock released meanwhile."""
        ...

    def expect(self) -> None:
        """A function exists now, so an invocation may follow."""

    def retire(self, arn: str, version: str | None) -> None:
        """End the sandboxes of a deleted function, or of one deleted version."""

    def call(self, target_arn: str, payload: str, region: str, then: Callable[[Refusal | None], None]) -> None:
        """Call the API that a universal target names, then pass the refusal, or None, to ``then``."""
