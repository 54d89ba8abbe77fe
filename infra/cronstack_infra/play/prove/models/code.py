"""The code under proof: what a sandbox and a planner run. Today's, unless a seed mixes it with another version's.

What passes between the code of a version and the proof are today's classes: ``Call``, ``Sleep``, ``Work``, ``Ended``,
``Plan`` and the exceptions of ``cronstack.errors``. The code of another version is adapted to them (see the tests'
``mixed`` folder).
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
    """Which code is deployed, by time. Sandboxes and planners that have begun keep theirs."""

    def code(self, now: int) -> Code:
        """Return the code of what begins at ``now``, in epoch milliseconds."""

    def finish(self) -> None:
        """End the rollout: from here on one code is deployed."""


class Undisturbed:
    """No deploy: today's code all the time."""

    def code(self, now: int) -> Code:
        return TODAY

    def finish(self) -> None:
        """Do nothing."""
