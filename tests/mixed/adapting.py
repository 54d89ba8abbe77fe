"""Adapter of another version's code to the proof: plain data passes through, classes are converted to today's.

Requests, answers and events are plain data in all versions. ``Call``, ``Work``, ``Plan``, ``Shell`` and the exceptions
are classes, and each version has its own. An instance is converted field by field to the class of the same name.
A field that only one of them has takes its default.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from cronstack import errors, runtime, steps
from cronstack.onetime import planner
from cronstack_infra.play.prove.models.code import TODAY, Code
from tests.mixed.loading import Source, load

REQUESTS: Final[tuple[type, ...]] = (steps.Call, steps.Sleep, steps.Work)


def code_of(source: Source) -> Code:
    """Return the code of a version, as the proof plays it."""
    if source == Source(source.name):
        return TODAY._replace(name=source.name)
    return Version(load(source)).code(source.name)


def recast(value: Any, to: Any) -> Any:
    """Return the value as another version's class of that name."""
    return to(**{name: getattr(value, name) for name in to._fields if hasattr(value, name)})


class Version:
    """The modules of a version that the proof calls."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.errors = self.module("errors")
        self.steps = self.module("steps")
        self.runtime = self.module("runtime")

    def module(self, name: str) -> ModuleType:
        return import_module(f"{self.package}.{name}")

    def code(self, name: str) -> Code:
        return Code(name, lambda *given: _Invocation(self, *given), _Planner(self))

    def translated(self, inner: Generator[Any, Any, Any], end: Callable[[Any], Any]) -> Generator[Any, Any, Any]:
        """Yield the same steps with today's classes. ``end`` converts their result."""
        answer = None
        try:
            while True:
                try:
                    request = inner.send(answer)
                except StopIteration as stop:
                    return end(stop.value)
                except self.errors.CronstackError as fault:
                    raise _fault_of_today(fault) from fault
                answer = yield _request_of_today(request)
        finally:
            inner.close()


def _request_of_today(request: Any) -> Any:
    (to,) = (known for known in REQUESTS if known.__name__ == type(request).__name__)
    return recast(request, to)


def _fault_of_today(fault: Any) -> Exception:
    """Return the fault as today's exception of that name, without its __init__, whose parameters may have changed."""
    to = getattr(errors, type(fault).__name__, errors.CronstackError)
    new: Exception = to.__new__(to)
    new.args = fault.args
    new.__dict__.update(fault.__dict__)
    return new


class _Invocation:
    """An invocation of a version's runtime."""

    def __init__(self, version: Version, job: Any, event: object, context: Any, shell: runtime.Shell) -> None:
        settings = recast(shell.settings, version.module("settings").Settings)
        self._version = version
        self._inner = version.runtime.Invocation(
            recast(job, version.module("declaration").Job),
            event,
            context,
            recast(shell._replace(settings=settings), version.runtime.Shell),
        )

    def steps(self) -> Generator[Any, Any, Any]:
        return self._version.translated(self._inner.steps(), lambda ended: recast(ended, runtime.Ended))

    def run_handler(self, work: steps.Work) -> Any:
        return self._inner.run_handler(recast(work, self._version.steps.Work))


class _Planner:
    """The functions of a version's ``onetime.planner``."""

    def __init__(self, version: Version) -> None:
        self._version, self._inner = version, version.module("onetime.planner")
        schedules = version.module("onetime.schedules")
        self._own: dict[str, Any] = {
            "Wiring": schedules.Wiring,
            "Order": schedules.Order,
            "Host": version.steps.Host,
            "Call": version.steps.Call,
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._inner, name)

        def call(*given: Any, **named: Any) -> Any:
            own = [recast(one, self._own[kind]) if (kind := type(one).__name__) in self._own else one for one in given]
            result = function(*own, **named)
            return self._version.translated(result, _plan_of_today) if isinstance(result, Generator) else result

        return call


def _plan_of_today(result: Any) -> Any:
    """Convert a plan. Rows on a page stay the version's own, because only its own functions receive them."""
    return recast(result, planner.Plan) if type(result).__name__ == "Plan" else result
