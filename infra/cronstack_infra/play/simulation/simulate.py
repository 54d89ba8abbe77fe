"""``simulate``: play a deployed project through a span of time, write its trace, count its jobs.

    begin ─▶ the stack is deployed at the first instant ─▶ what is due happens, in order ─▶ end, before the last instant

The same seed, span and code give the same bytes on any machine at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from cronstack.errors import OperationError
from cronstack_infra.play.looks import MAX_CLOCK_READS
from cronstack_infra.play.simulation.clock.hub import microseconds, stamp
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.delays import Delays
from cronstack_infra.play.simulation.handlers.faults import Rates
from cronstack_infra.play.simulation.process.patched_process import real_seconds
from cronstack_infra.play.simulation.silence import silence
from cronstack_infra.play.simulation.trace import JobCounts, Trace
from cronstack_infra.switches.settings import Switches

TRACE: Final = "trace.jsonl"
LEDGER: Final = "ledger.jsonl"
LETTERS: Final = "dead-letters.jsonl"
_MICROSECOND: Final = timedelta(microseconds=1)
_PROGRESS_INTERVAL: Final = 0.1
"""Real seconds between two reports of progress."""

Progress = Callable[[datetime, float, int], None]
"""Progress callback: virtual time, share of the span that is played, number of occurrences so far."""


@dataclass(frozen=True)
class Simulated:
    """Result of a simulation."""

    stack: str
    first: datetime
    last: datetime
    seed: int
    rates: Rates
    rows: tuple[JobCounts, ...]
    occurrences: int
    """Firings of schedules, including carriers, except those outside start and end."""
    letters: int
    under_way: int
    """Attempts that had not ended at the end of the span."""
    lines: int
    """Lines of the trace."""
    seconds: float
    """Real seconds of the playing alone."""
    out: Path | None = None
    delays: Delays = field(default_factory=Delays)
    outside: int = 0
    """Firings outside the start and end of their schedules, which run nothing."""
    switches: tuple[str, ...] = ()
    """The switches with other than default values, such as "past-at=refused"."""
    interrupted: bool = False
    """True: ``last`` is the time at which it was stopped."""

    @property
    def per_second(self) -> float:
        return self.occurrences / self.seconds if self.seconds else 0.0


def simulate(
    assembly: Assembly,
    first: datetime,
    last: datetime,
    *,
    seed: int = 0,
    rates: Rates | None = None,
    only: Collection[str] | None = None,
    out: Path | None = None,
    prepare: Callable[[VirtualCloud], None] | None = None,
    finish: Callable[[VirtualCloud], None] | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    clock_reads: int = MAX_CLOCK_READS,
    switches: Switches | None = None,
) -> Simulated:
    """Play from ``first`` to before ``last``.

    only: jobs whose schedules fire. Defaults to all.
    out: folder for trace.jsonl, ledger.jsonl and dead-letters.jsonl. Defaults to none: no files are written.
    prepare, finish: called with the cloud after the stack is deployed, and at the end.
    progress: called about ten times a second.
    stop: called after each step; True ends the simulation there and keeps its results.
    clock_reads: how often a handler may read the clock without waiting. Defaults to 5,000,000.
    switches: the behaviour of AWS. Defaults to the default settings.
    """
    with ExitStack() as stack:
        trace = Trace(stack.enter_context(_trace_file(out)) if out is not None else None)
        virtual = VirtualCloud(first, seed=seed, rates=rates, emit=trace.emit, logs=False, switches=switches)
        cloud = stack.enter_context(virtual)
        trace.delays.set_quotas(switches or Switches())
        simulation = _Simulation(cloud, trace, assembly, first, last)
        cloud.hub.most_looks = clock_reads
        simulation.deploy(only)
        if prepare is not None:
            prepare(cloud)
        seconds = simulation.play(progress, stop)
        if finish is not None:
            finish(cloud)
        simulation.emit_end()
        if out is not None:
            _write_rest(cloud, out)
        return Simulated(
            stack=assembly.stack,
            first=first,
            last=simulation.reached,
            interrupted=simulation.interrupted,
            seed=seed,
            rates=cloud.faults.rates,
            switches=tuple(cloud.switches),
            rows=trace.rows(),
            occurrences=trace.occurrences,
            outside=trace.outside,
            letters=trace.letters,
            under_way=len(cloud.handlers.under_way),
            lines=trace.lines,
            seconds=seconds,
            out=out,
            delays=trace.delays,
        )


def _trace_file(out: Path) -> IO[str]:
    out.mkdir(parents=True, exist_ok=True)
    return (out / TRACE).open("w", encoding="utf-8", newline="\n")


class _Simulation:
    """One simulation under way."""

    def __init__(self, cloud: VirtualCloud, trace: Trace, assembly: Assembly, first: datetime, last: datetime) -> None:
        self._cloud, self._trace, self._assembly, self._first, self._last = cloud, trace, assembly, first, last
        self.reached, self.interrupted = last, False

    def deploy(self, only: Collection[str] | None) -> None:
        from cronstack_infra.play.simulation import looking

        cloud = self._cloud
        cloud.deploy(self._assembly)
        deployed = looking.jobs(cloud)
        if only is not None:
            unknown = sorted(set(only) - {each.job for each in deployed})
            if unknown:
                raise OperationError(f"{unknown[0]} is not a job of the stack {self._assembly.stack}")
            others = {each.job for each in deployed} - set(only)
            silence(cloud.client("scheduler"), self._assembly.stack, others)
        firing = [each for each in deployed if only is None or each.job in only]
        for each in firing:
            self._trace.add_job(each.job)
        begin = {
            "event": "begin",
            "at": stamp(microseconds(self._first)),
            "from": stamp(microseconds(self._first)),
            "until": stamp(microseconds(self._last)),
            "seed": cloud.seed,
            "faults": str(cloud.faults.rates),
            **({"switches": cloud.switches} if cloud.switches else {}),
            "stack": self._assembly.stack,
            "jobs": [
                {"job": each.job, "schedules": [list(when) for when in each.schedules], "where": each.where}
                for each in firing
            ],
        }
        self._trace.emit(begin)

    def play(self, progress: Progress | None, stop: Callable[[], bool]) -> float:
        """Play the span. Return the real seconds that it took."""
        began = reported = real_seconds()
        span = (self._last - self._first).total_seconds()

        def keep_going() -> bool:
            nonlocal reported
            if progress is not None and real_seconds() - reported >= _PROGRESS_INTERVAL:
                reported = real_seconds()
                now = self._cloud.now
                progress(now, (now - self._first).total_seconds() / span, self._trace.occurrences)
            self.interrupted = stop()
            return not self.interrupted

        self._cloud.advance(self._last - _MICROSECOND, keep_going)
        if self.interrupted:
            self.reached = self._cloud.now
        elif progress is not None:
            progress(self._last, 1.0, self._trace.occurrences)
        return real_seconds() - began

    def emit_end(self) -> None:
        rows = self._trace.rows()
        self._trace.emit(
            {
                "event": "end",
                "at": stamp(microseconds(self.reached)),
                **({"interrupted": True} if self.interrupted else {}),
                "occurrences": self._trace.occurrences,
                **({"outside": self._trace.outside} if self._trace.outside else {}),
                "dead_letters": self._trace.letters,
                **self._trace.delays.missed_and_deferred(),
                "under_way": len(self._cloud.handlers.under_way),
                "jobs": [vars(row) for row in rows],
                "lines": self._trace.lines + 1,
            }
        )


def _write_rest(cloud: VirtualCloud, out: Path) -> None:
    from cronstack_infra.play.simulation import looking

    for name, rows in ((LEDGER, looking.ledger_rows(cloud)), (LETTERS, looking.letters(cloud))):
        with (out / name).open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                _write(file.write, row)


def _write(write: Callable[[str], Any], row: dict[str, Any]) -> None:
    write(json.dumps(row, separators=(",", ":"), default=str) + "\n")
