"""Sandboxes of a virtual cloud, their invocations, and the greenlets of both.

A sandbox corresponds to a process on Lambda. Its *strands* are greenlets: the handler of the current invocation, and
each thread that the handler's code has started. Lambda freezes a process between two invocations. A strand whose wait
ends then continues with the next invocation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from greenlet import greenlet

from cronstack_infra.local.executor.values import DeployedFunction, Invocation, InvocationOutcome
from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.handlers.code import FunctionState

if TYPE_CHECKING:
    from cronstack.runtime import Shell


class Killed(BaseException):
    """Raised in a strand whose sandbox has been killed."""


class Context:
    """The second argument of a handler."""

    identity = None
    client_context = None
    tenant_id = None

    def __init__(self, invocation: Invocation, hub: Hub, deadline: int, skew: int) -> None:
        """deadline: microseconds. skew: microseconds by which the clock of the sandbox is ahead."""
        function = invocation.function
        self.aws_request_id = invocation.request_id
        self.invoked_function_arn = invocation.invoked_arn
        self.function_name = function.name
        self.function_version = function.version
        self.memory_limit_in_mb = str(function.memory)
        self.log_group_name = function.log_group
        self._hub, self._deadline, self._skew = hub, deadline, skew

    @property
    def log_stream_name(self) -> str:
        return f"{self._hub.now:%Y/%m/%d}/[{self.function_version}]simulated"

    def get_remaining_time_in_millis(self) -> int:
        """Return the deadline minus the clock of the sandbox, which may be wrong, like AWS's Python runtime."""
        return max((self._deadline - self._hub.us - self._skew) // 1000, 0)


class LoadedFunction:
    """A function's loaded modules. One invocation at a time uses them."""

    def __init__(self, function: DeployedFunction, function_state: FunctionState) -> None:
        self.function = function
        self.function_state = function_state
        self.handler: Any = None
        self.shell: Shell | None = None
        """The runtime's shell, which lives as long as the process."""
        self.attempt: Execution | None = None
        """The current invocation."""
        self.dead = False
        self.skew = 0
        """Microseconds by which its clock is ahead."""
        self.signs_by_date = False
        """Whether the runtime's transport signs by the dates of responses: it does after AWS refuses a signature."""
        self.threads: dict[Strand, None] = {}
        """Threads that have not ended, in the order of their start."""
        self.frozen: list[Callable[[], None]] = []
        """Wakes of threads whose wait ended between two invocations."""
        self.pollers: dict[Strand, Callable[[], None]] = {}
        """Strands that wait for a file, which another strand may write to, and their wakes."""

    def thaw(self) -> list[Callable[[], None]]:
        """Return the overdue wakes and remove them."""
        overdue, self.frozen = self.frozen, []
        return overdue


class Strand:
    """One greenlet of a sandbox."""

    __slots__ = (
        "clock_reads",
        "clock_reads_at",
        "found_nothing",
        "greenlet",
        "ident",
        "joiners",
        "kills_ignored",
        "sandbox",
        "waits",
    )

    def __init__(self, sandbox: LoadedFunction, ident: int | None = None) -> None:
        self.sandbox = sandbox
        self.greenlet: greenlet | None = None
        """None when the strand has ended."""
        self.ident = ident
        """What ``threading.get_ident`` returns in a thread; None in a handler, which is its process's main thread."""
        self.kills_ignored = 0
        """How often the strand continued after Killed was raised in it."""
        self.waits = 0
        """Number of the current wait. A wake of an earlier wait has no effect."""
        self.clock_reads, self.clock_reads_at = 0, -1
        """Clock reads at that time, in microseconds; see ``Hub.clock_reads``."""
        self.found_nothing = False
        """True while the strand has only polled files since it was resumed, and no file was ready."""
        self.joiners: list[Callable[[], None]] = []
        """Wakes of strands that wait for the end of this strand."""


@dataclass
class Observed:
    """Observations of an invocation of a job, for its row in the trace."""

    job: str = ""
    """The job's name; "" until its handler is called, and for a function that is not a job."""
    event: object = None
    answer: Mapping[str, Any] | None = None
    """The return value of the runtime."""
    line: str = ""
    """The last log line of the runtime, which describes the invocation."""
    number: int = 0
    """The attempt's number within its run; 0 until the user's function is called."""
    first: bool = False
    """True when the user's function has not been called for this occurrence before."""
    overlaps: int = 0
    """Number of runs of the same job during which this one started."""
    fault: str = ""
    """Why the sandbox was killed, if by a fault."""


class InvocationListener(Protocol):
    """Interface of the part of a cloud to which invocations report."""

    def started(self, invocation: Invocation) -> None: ...

    def lines(self, function: DeployedFunction, log_stream: str, lines: list[str]) -> None: ...

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> None: ...


class Execution:
    """One invocation under way."""

    def __init__(
        self,
        invocation: Invocation,
        sandbox: LoadedFunction,
        began: int,
        *,
        write: Callable[[list[str]], None],
        report: Callable[[Execution, InvocationOutcome], None],
    ) -> None:
        """write: called with lines for the function's log. report: called once, with the outcome."""
        self.invocation = invocation
        self.sandbox = sandbox
        self.began = began
        self.write = write
        self.report = report
        self.ended = False
        self.dead = False
        self.strand = Strand(sandbox)
        self.calls = 0
        """Number of calls of AWS so far."""
        self.observed = Observed()
