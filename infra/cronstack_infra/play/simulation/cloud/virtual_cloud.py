"""A whole cloud in this process, on a virtual clock. Deployed jobs run at their virtual time.

    with VirtualCloud(datetime(2027, 3, 27, tzinfo=UTC), seed=1) as cloud:
        cloud.deploy(synthesize(project))
        clean = cloud.snapshot()
        cloud.advance(timedelta(days=7))
        cloud.client("s3").list_objects_v2(Bucket=...)
        cloud.restore(clean)                      # back to the deployed state, in milliseconds

While a cloud is open, moto is patched, and the process's clocks, sleep and randomness are the cloud's.
``paused()`` restores them for a while. ``compose`` lists the parts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

from cronstack.errors import OperationError
from cronstack_infra import names
from cronstack_infra.local.environment import REGION
from cronstack_infra.local.executor.environment import TASK_ROOT
from cronstack_infra.play.simulation.clock.hub import microseconds
from cronstack_infra.play.simulation.handlers.faults import Faults, Rates
from cronstack_infra.switches.parsing import changed
from cronstack_infra.switches.settings import Switches

if TYPE_CHECKING:
    import boto3

    from cronstack_infra.play.simulation.cloud.assembly import Assembly
    from cronstack_infra.play.simulation.cloud.snapshot import Snapshot

Emit = Callable[[dict[str, Any]], None]


class VirtualCloud:
    """The only open cloud of this process. Without ``emit``, its events are collected in ``events``."""

    def __init__(
        self,
        start: datetime,
        *,
        seed: int = 0,
        rates: Rates | None = None,
        emit: Emit | None = None,
        logs: bool = True,
        shown: str | None = None,
        switches: Switches | None = None,
    ) -> None:
        """Make all parts. The first cloud of a process imports most of moto, which takes seconds.

        switches: the behaviour of AWS. Defaults to the default settings; ``seed`` and ``rates`` override them.

        logs: store the output of handlers in CloudWatch Logs. Defaults to True.

        shown: the folder that tracebacks and debuggers show for deployed code. Defaults to Lambda's /var/task.
        """
        from cronstack_infra.play.simulation.cloud.compose import compose
        from cronstack_infra.play.simulation.cloud.life import Life

        self.seed, self.shown = seed, shown or TASK_ROOT
        self.faults = Faults(rates or Rates())
        self.events: list[dict[str, Any]] = []
        self.stacks: dict[str, Assembly] = {}
        self.emit: Emit = emit or self.events.append
        self._workplace = TemporaryDirectory(prefix="cronstack-", ignore_cleanup_errors=True)
        self._session: boto3.Session | None = None
        self._clients: dict[str, Any] = {}
        self._creating = Lock()
        """Locked while a client is created: a session creates one at a time."""
        self._parts = compose(
            start,
            switches=self._with_rates(replace(switches or Switches(), seed=seed)),
            faults=self.faults,
            emit=self.emit,
            logs=logs,
            root=self.shown,
            workplace=Path(self._workplace.name),
        )
        self._life = Life(self._parts)
        self.hub, self.drive, self.handlers = self._parts.hub, self._parts.drive, self._parts.handlers
        self.ledgers, self.calls, self.jobs = self._parts.ledgers, self._parts.calls, self._parts.jobs

    def _with_rates(self, switches: Switches) -> Switches:
        """Return the switches with the duplicates of the rates, if the rates have any."""
        self._own_duplicates = switches.duplicates
        return replace(switches, duplicates=self.faults.rates.duplicate or switches.duplicates)

    # life

    def __enter__(self) -> VirtualCloud:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Patch moto and replace the clock."""
        self._life.open(self.seed)

    def close(self) -> None:
        """Restore everything. The cloud cannot be opened again."""
        self._life.sleep()
        self._workplace.cleanup()

    def wake(self, snapshot: Snapshot | None = None) -> None:
        """Patch moto and replace the clock after ``sleep``, and restore a snapshot."""
        self._life.wake()
        if snapshot is not None:
            self.restore(snapshot)

    def sleep(self) -> None:
        """Restore moto, clocks, randomness and environment. The state is lost: take a snapshot before."""
        self._life.sleep()

    def suspend(self) -> None:
        """Like ``sleep``, but faster. ``resume`` must follow."""
        self._life.suspend()

    def resume(self) -> None:
        """Wake after ``suspend``. ``restore`` must follow."""
        self._life.resume()

    def paused(self) -> AbstractContextManager[None]:
        """Use the real clocks and randomness for a while."""
        return self._life.paused()

    # operations of a test or a simulation

    @property
    def now(self) -> datetime:
        return self.hub.now

    @property
    def switches(self) -> list[str]:
        """The switches with other than default values, such as "past-at=refused"."""
        own = replace(self._parts.engine.switches, duplicates=self._own_duplicates)
        return changed(own)

    def play(self, switches: Switches) -> None:
        """Use these switches from now on, until ``restore``."""
        self._parts.engine.play(self._with_rates(switches))

    def client(self, service: str) -> Any:
        """Return a boto3 client of this cloud."""
        import boto3
        from botocore.config import Config

        with self._creating:
            if self._session is None:  # shared by all clients: each session parses the list of endpoints
                self._session = boto3.Session(
                    aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name=REGION
                )
            if service not in self._clients:
                make: Any = self._session.client
                options: Any = {"ignore_configured_endpoint_urls": True}
                self._clients[service] = make(service, config=Config(**options))
            return self._clients[service]

    def deploy(self, assembly: Assembly) -> None:
        """Create or update the assembly's stack. Raise CronstackError with CloudFormation's reasons."""
        from cronstack_infra.play.simulation.cloud.deploying import deploy, outputs, upload

        self._parts.code.add(upload(self.client, assembly, self.shown))
        deploy(self.client("cloudformation"), assembly)
        ledger = outputs(self.client("cloudformation"), assembly.stack).get(names.OUTPUT_LEDGER)
        if ledger is not None:
            self.ledgers.add(ledger)
        self.stacks[assembly.stack] = assembly

    def advance(self, by: timedelta | datetime, keep_going: Callable[[], bool] | None = None) -> None:
        """Play until then: what is due happens, in order. Raise OperationError if other code has replaced the clock.

        keep_going: called after each step; False ends it early.
        """
        self._parts.passing.advance(by if isinstance(by, datetime) else self.now + by, keep_going)

    def jump(self, to: datetime, *, rate_age: timedelta = timedelta()) -> None:
        """Move to a later time without playing the time between, as if the cloud were deployed then.

        rate_age: how long ago each ``rate()`` fired for the first time. Defaults to 0: it fires at once.
        """
        if to < self.now:
            raise OperationError(f"cannot jump to {to}: the clock is already at {self.now} and only goes forward")
        self.hub.move(microseconds(to))
        self.drive.recreate_schedules(to - rate_age)

    def waiting(self) -> bool:
        """Return whether anything except schedules waits: an event in a queue, a sleeper."""
        return self.hub.pending_timers() > 1 or self.drive.waiting() > 0

    def at_work(self, job: str, occurrence: str) -> bool:
        """Return whether an invocation for that occurrence is under way. It may have settled the run already."""
        from cronstack_infra.play.simulation.handlers.jobs import is_running

        return is_running(self.handlers.under_way.values(), job, occurrence)

    # state

    def snapshot(self) -> Snapshot:
        """Return the whole state, to be restored any number of times. Raise OperationError while something runs."""
        from cronstack_infra.play.simulation.cloud.snapshot import Snapshot

        if self.handlers.under_way or self.waiting():
            raise OperationError(
                "a snapshot cannot be taken while something is under way: advance the clock until it has ended"
            )
        own = {
            "parts": self._parts.state(),
            "faults": (self.faults.rates, list(self.faults.planned)),
            "events": len(self.events),
            "stacks": dict(self.stacks),
        }
        return Snapshot(own)

    def restore(self, snapshot: Snapshot) -> None:
        """Restore a snapshot. Handlers under way end without a result; warm sandboxes become cold."""
        self.handlers.drop()
        own = snapshot.restore()
        self.faults.rates, self.faults.planned = own["faults"]
        del self.events[own["events"] :]
        self.stacks = own["stacks"]
        self._parts.restore(own["parts"])
