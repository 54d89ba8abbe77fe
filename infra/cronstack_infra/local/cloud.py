"""Assembles the local cloud: the drive with the engine, the patches of moto, and the HTTP server.

The server accepts requests as soon as it is bound. This module holds the lock until everything is assembled, so early
requests wait. CloudFormation imports nearly all of moto and takes as long as everything else. It is loaded at the
first request for it, or at once with ``stacks=True``, while the CDK synthesizes.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cronstack_infra.local.environment import LONGEST_TIMEOUT
from cronstack_infra.local.events import Events
from cronstack_infra.local.http import resource_answers
from cronstack_infra.local.http.gate import Gate
from cronstack_infra.local.http.requests import RequestLog
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.local.moto.surroundings import PatchParameters

if TYPE_CHECKING:
    from cronstack_infra.local.clock import Clock
    from cronstack_infra.local.drive import RealDrive
    from cronstack_infra.switches.settings import Switches


class Cloud:
    """One local cloud. moto's state belongs to the process, so a process has only one."""

    def __init__(
        self,
        port: int,
        *,
        clock: Clock,
        write: Callable[[str], None],
        timeout: float = LONGEST_TIMEOUT,
        switches: Switches | None = None,
    ) -> None:
        from cronstack_infra.local.http.server import Server

        self._clock = clock
        self._timeout = timeout
        self._switches = switches
        self.events = Events(clock.now, write)
        self._gate = Gate(RequestLog(clock.now), self.events)
        if switches is not None:
            self._gate.play(switches)
        self._server = Server(self._gate, port, clock.now)
        resource_answers.serve_at(self.endpoint)
        self._drive: RealDrive | None = None
        self._starting = threading.Lock()
        """Held while the drive starts, so that ``run`` sees either no drive or one to abandon."""
        self._has_cloudformation = False

    @property
    def endpoint(self) -> str:
        return self._server.endpoint

    def run(self, ready: dict[str, Any], ended: threading.Event, *, stacks: bool = False) -> bool:
        """Serve until ``ended``; return whether the cloud was assembled.

        Emits the event ``ready`` when the port is bound. A separate thread assembles the rest while the first callers
        wait for the lock, so this thread can react to ``ended``.
        """
        assembler = threading.Thread(target=self._assemble, args=(ready, ended, stacks), name="assembler", daemon=True)
        assembler.start()
        ended.wait()
        if assembler.is_alive():
            # No handler process exists yet, and the assembler holds BACKENDS for seconds: only delete the folder.
            with self._starting:
                if self._drive is not None:
                    self._drive.abandon()
            return True
        if self._drive is not None:
            self._drive.stop()
        self._server.stop()
        return self._gate.cloud is not None

    def _assemble(self, ready: dict[str, Any], ended: threading.Event, stacks: bool) -> None:
        with BACKENDS:
            self._server.start()
            self.events.emit({"event": "ready", "endpoint": self.endpoint, **ready})
            try:
                self._start_drive(ended)
                if stacks:
                    self._install_cloudformation()
            except Exception:  # in this thread it would end nothing, and the callers would wait forever
                traceback.print_exc()
                ended.set()

    def _start_drive(self, ended: threading.Event) -> None:
        from cronstack_infra.local.drive import RealDrive
        from cronstack_infra.local.dynamodb import consumption
        from cronstack_infra.local.executor.executor import Limits
        from cronstack_infra.local.http.dispatch import Dispatcher
        from cronstack_infra.local.patches.install import install
        from cronstack_infra.local.refusals.intake import refuse

        limits = Limits(timeout=self._timeout)
        drive = RealDrive(self.events.emit, self._clock, endpoint=self.endpoint, switches=self._switches, limits=limits)
        install(replace(self._surroundings, port=drive.effects))
        with self._starting:
            if ended.is_set():
                return
            self._drive = drive
            drive.start()
        self._gate.on_switches = drive.play
        self._gate.refuse = refuse
        self._gate.units, self._gate.reset_units = consumption.counts, consumption.reset_counts
        self._gate.cloud = Dispatcher(self._application_of)

    @property
    def _surroundings(self) -> PatchParameters:
        return PatchParameters(endpoint=self.endpoint, now=self._clock.now)

    def _application_of(self, service: Any) -> Any:
        """Return moto's application of one service. moto calls this at the service's first request."""
        from cronstack_infra.local.http.dispatch import application_of

        if service == "cloudformation":
            self._install_cloudformation()
        return application_of(service)

    def _install_cloudformation(self) -> None:
        from cronstack_infra.local.patches.install import install_cloudformation

        if not self._has_cloudformation:
            install_cloudformation(self._surroundings)
            self._has_cloudformation = True
