"""The parts of a virtual cloud, created bottom-up: each part gets its dependencies in its constructor.

    Hub                     the clock and its timers
    ProcessGlobals          the process's globals, which one function at a time uses
    Strands                 greenlets: which one runs, how it waits, how it is killed
    Ledgers, Lookups        the ledger's tables; cached look-ups
    Calls                   calls of AWS: their time, their faults, their responses
    Jobs                    Cronstack's jobs: the runtime, planned faults, a row for each attempt
    CodeStore               deployed code
    Handlers                invocations: their start, end and time limit
    VirtualDrive            the engine, its effects, and the loop that advances the clock
    Dates, Passing          clocks of the date; how the host and handlers let time pass
    Waits, PatchedProcess   locks, threads and files of handlers; this process's clock and randomness

No part refers to a later one. Events go up by callbacks: an invocation reports to the listener that submitted it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from cronstack.entropy import seeded
from cronstack_infra.local.effects.cached_lookups import Lookups
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.play.simulation.clock.dates import Dates
from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.cloud.calls import Calls
from cronstack_infra.play.simulation.cloud.drive import VirtualDrive
from cronstack_infra.play.simulation.cloud.expiry import Expiry
from cronstack_infra.play.simulation.cloud.ledgers import Ledgers
from cronstack_infra.play.simulation.cloud.passing import Passing
from cronstack_infra.play.simulation.handlers.code import ProcessGlobals
from cronstack_infra.play.simulation.handlers.code_store import CodeStore
from cronstack_infra.play.simulation.handlers.executor import Handlers, skew_of
from cronstack_infra.play.simulation.handlers.faults import Faults
from cronstack_infra.play.simulation.handlers.jobs import Jobs
from cronstack_infra.play.simulation.handlers.strands import Strands
from cronstack_infra.play.simulation.process.patched_process import PatchedProcess, adopt
from cronstack_infra.play.simulation.process.replacements import Replacements
from cronstack_infra.play.simulation.process.waits import Waits
from cronstack_infra.switches.settings import Switches

Emit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Parts:
    """The parts that ``Life`` and ``VirtualCloud`` use."""

    hub: Hub
    ledgers: Ledgers
    calls: Calls
    jobs: Jobs
    code: CodeStore
    handlers: Handlers
    drive: VirtualDrive
    dates: Dates
    passing: Passing
    engine: Engine
    patched_process: PatchedProcess
    expiry: Expiry
    randomness: Any
    """The randomness of everything except handlers and moto."""

    def state(self) -> dict[str, Any]:
        """Return all state that changes. Call it only while no invocation is under way."""
        return {
            "us": self.hub.us,
            "drive": self.drive.state(),
            "ledgers": self.ledgers.state(),
            "chance": self.randomness.getstate(),
            "patched_process": self.patched_process.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore what ``state`` has returned, or a copy of it."""
        self.hub.reset(state["us"])
        self.drive.restore(state["drive"])
        self.ledgers.restore(state["ledgers"])
        self.randomness.setstate(state["chance"])
        self.patched_process.restore(state["patched_process"])
        self.jobs.reset_running()
        self.expiry.start()


def compose(
    start: datetime, *, switches: Switches, faults: Faults, emit: Emit, logs: bool, root: str, workplace: Path
) -> Parts:
    """Make all parts.

    switches: the behaviour of AWS, and the seed of all randomness.
    emit: called with each event. logs: whether CloudWatch Logs store the output of handlers.
    root: the folder that tracebacks and debuggers show for deployed code. workplace: an empty folder.
    """
    seed = switches.seed
    engine, randomness = Engine(switches), seeded(seed)
    hub, process_globals, replaced = Hub(start), ProcessGlobals(), Replacements()
    strands = Strands(hub, process_globals, root)
    ledgers, lookups = Ledgers(lambda: hub.ms), Lookups(keep=True)
    calls = Calls(
        strands, ledgers, faults, randomness.random, on_change=lookups.forget, engine=engine, now_ms=lambda: hub.ms
    )
    jobs = Jobs(hub, strands, calls.transport, faults, randomness, emit)
    code = CodeStore(workplace, root, partial(adopt, replaced))
    handlers = Handlers(
        hub, strands, process_globals, code_of=code.of, run=jobs.call, on_end=jobs.on_end, skew=partial(skew_of, engine)
    )
    drive = VirtualDrive(
        hub,
        process_globals,
        strands,
        handlers,
        engine,
        lookups,
        faults=faults,
        make_id=partial(_request_id, randomness),
        emit=emit,
        logs=logs,
    )
    dates = Dates(hub, strands.read_clock, skew=calls.skew)
    passing = Passing(hub, strands, dates, drive)
    waits = Waits(hub, strands, calls.in_handler)
    patched = PatchedProcess(
        hub, strands, dates, waits, replaced, seed, sleep=passing.sleep, in_handler=calls.in_handler
    )
    return Parts(
        hub=hub,
        ledgers=ledgers,
        calls=calls,
        jobs=jobs,
        code=code,
        handlers=handlers,
        drive=drive,
        dates=dates,
        passing=passing,
        engine=engine,
        patched_process=patched,
        expiry=Expiry(hub, ledgers),
        randomness=randomness,
    )


def _request_id(randomness: Any) -> str:
    """Return a request id in the form of AWS, by the seed."""
    digits = f"{randomness.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
