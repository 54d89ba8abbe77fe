"""The code under proof, which sandboxes and planners run: today's, or in some seeds also another version's.

The proof exchanges today's classes with each version: ``Call``, ``Sleep``, ``Work``, ``Ended``, ``Plan`` and the
exceptions of ``cronstack.errors``. The code of another version is adapted to them (see ``tests/mixed``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from cronstack.onetime import planner
from cronstack.runtime import Ended, Invocation, Shell
from cronstack.steps import Failed, Steps, Succeeded, Work

if TYPE_CHECKING:
    from cronstack.declaration import Job


class Invoking(Protocol):
    """An invocation of one version's runtime (see ``runtime.Invocation``)."""

    def steps(self) -> Steps[Ended]: ...
    def run_handler(self, work: Work) -> Succeeded | Failed: ...


class Code(NamedTuple):
    """The code of one version."""

    name: str
    """Shown in traces."""
    invocation: Callable[[Job, object, Any, Shell], Invoking]
    planner: Any
    """The functions of ``onetime.planner``."""


TODAY: Final = Code("today", Invocation, planner)


class Rollout(Protocol):
    """The code that is deployed, by time. Running sandboxes and planners keep their code."""

    def code(self, now: int) -> Code:
        """Return the code for a start at ``now``, in epoch milliseconds."""

    def finish(self) -> None:
        """End the rollout: from here on only one version is deployed."""


class NoRollout:
    """No deploy: today's code all the time."""

    def code(self, now: int) -> Code:
        return TODAY

    def finish(self) -> None:
        """Do nothing."""
