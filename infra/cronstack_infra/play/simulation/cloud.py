"""A whole cloud in this process, on a virtual clock: what is deployed to it runs when its time comes, and not before.

    with VirtualCloud(datetime(2027, 3, 27, tzinfo=UTC), seed=1) as cloud:
        cloud.deploy(synthesize(project))
        clean = cloud.snapshot()
        cloud.advance(timedelta(days=7))
        cloud.client("s3").list_objects_v2(Bucket=...)
        cloud.restore(clean)                      # everything as it was deployed, in milliseconds

moto is mended for as long as the cloud is open and as it was afterwards. While it is open, the process's clocks, its
sleep and its chance are the cloud's; ``paused()`` gives them back for a while.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cronstack.entropy import seeded
from cronstack.errors import OperationError
from cronstack_infra import names
from cronstack_infra.local.environment import REGION
from cronstack_infra.local.executor.environment import TASK_ROOT, Folders, search_path
from cronstack_infra.local.executor.values import exited
from cronstack_infra.play.simulation.code import Deployed
from cronstack_infra.play.simulation.faults import Faults, Rates
from cronstack_infra.play.simulation.hub import SHORTEST, Hub, length, microseconds

if TYPE_CHECKING:
    from cronstack_infra.local.executor.values import Function, Invocation, Outcome
    from cronstack_infra.play.simulation.assembly import Assembly
    from cronstack_infra.play.simulation.snapshot import Snapshot
    from cronstack_infra.play.simulation.strands import Attempt

Mend = Any
Emit = Callable[[dict[str, Any]], None]

ENDPOINT: Final = f"https://sqs.{REGION}.amazonaws.com"
"""Where queues' URLs point: at AWS's own names, which moto answers here."""


class VirtualCloud:
    """One a process at a time. ``events`` keeps what happened when no ``emit`` is given."""

    def __init__(
        self,
        start: datetime,
        *,
        seed: int = 0,
        rates: Rates | None = None,
        emit: Emit | None = None,
        logs: bool = True,
        shown: str | None = None,
    ) -> None:
        """logs: keep what handlers write in CloudWatch Logs. Defaults to True.

        shown: folder that tracebacks and debuggers are told for deployed code. Defaults to Lambda's /var/task.
        """
        self.start_time, self.seed, self.shown = start, seed, shown
        self.faults = Faults(rates or Rates())
        self.events: list[dict[str, Any]] = []
        self.stacks: dict[str, Assembly] = {}
        self._emit: Emit = emit or self.events.append
        self._keeps_logs = logs
        self._code: dict[str, Deployed] = {}
        self._clients: dict[str, Any] = {}
        self._opened = False

    # life

    def __enter__(self) -> VirtualCloud:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Mend moto, take the clock. Imports most of moto the first time, which takes seconds."""
        from cronstack_infra.local.engine.knobs import Knobs
        from cronstack_infra.local.executor.code import CodeFolders
        from cronstack_infra.play.simulation.calls import Calls
        from cronstack_infra.play.simulation.drive import VirtualDrive
        from cronstack_infra.play.simulation.handlers import Handlers
        from cronstack_infra.play.simulation.jobs import Jobs
        from cronstack_infra.play.simulation.ledgers import Ledgers
        from cronstack_infra.play.simulation.pretence import Pretence
        from cronstack_infra.play.simulation.waits import Waits

        self._workplace = Path(tempfile.mkdtemp(prefix="cronstack-"))
        self._layers = CodeFolders(self._workplace / "layers")
        self.hub = hub = Hub(self.start_time)
        self.randomness = seeded(self.seed)
        chance = self.randomness.random
        knobs = Knobs(seed=self.seed, duplicates=self.faults.rates.duplicate)
        self.drive = VirtualDrive(hub, self.emit, knobs=knobs, faults=self.faults, unique=self._unique)
        self.ledgers = Ledgers(lambda: hub.ms)
        self.handlers = Handlers(
            hub,
            run=lambda *given: self.jobs.call(*given),
            finished=self._finished,
            started=self._started,
            lines=self._lines,
            code_of=self._code_of,
        )
        self.calls = Calls(self.handlers, self.ledgers, self.faults, chance, self.drive.forget)
        self.jobs = Jobs(hub, self.calls, self.faults, self.randomness, emit=self.emit, lines=self._lines)
        self.drive.handlers = self.jobs.handlers = self.handlers

        def in_handler() -> bool:
            return self.handlers.strand is not None and not self.calls.answering

        self._pretence = Pretence(
            hub,
            self._host_or_handler_sleeps,
            self._handler_leaves,
            self.seed,
            waits=Waits(hub, self.handlers, in_handler),
            in_handler=in_handler,
        )
        hub.busy = self._never_waits
        self._opened = True
        self._awake = False
        self.wake()
        self._each_day()

    def wake(self, snapshot: Snapshot | None = None) -> None:
        """Mend moto and take clocks and chance, after ``sleep``; and ``restore``."""
        from moto import mock_aws

        from cronstack_infra.play.simulation.snapshot import SavedBackends

        if not self._awake:
            self._saved = SavedBackends()
            self._mock: Any = mock_aws()
            self._mock.start()
            self._mend()
            self._pretence.start()
            self._awake = True
        if snapshot is not None:
            self.restore(snapshot)

    def sleep(self) -> None:
        """Give moto, clocks, chance and environment back; what runs is dropped. The state is gone: take a snapshot."""
        if self._awake:
            self._awake = False
            self.handlers.drop()
            self._pretence.stop()
            self._unmend()
            self._mock.stop()
            self._saved.put_back()

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self.sleep()
            shutil.rmtree(self._workplace, ignore_errors=True)

    def _mend(self) -> None:
        from cronstack_infra.local.apis.install import install, install_cloudformation, uninstall
        from cronstack_infra.local.patches.surroundings import Surroundings

        self._unmend = uninstall
        around = Surroundings(endpoint=ENDPOINT, now=self.drive.now, wait=self._host_or_handler_sleeps)
        install(self.drive.effects, around)
        install_cloudformation(around)
        self.calls.install()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The machine's own clocks and chance for a while."""
        self._pretence.stop()
        try:
            yield
        finally:
            self._pretence.start()

    def suspend(self) -> Mend:
        """Leave moto, the clocks and chance as they are without a cloud; for ``resume``, which needs a ``restore``."""
        from cronstack_infra.local import mend
        from cronstack_infra.local.patches import patch

        self.handlers.drop()
        self._pretence.stop()
        mends = mend.taken_back()
        patches = patch.unpatch()
        self._mock.stop()
        return mends, patches

    def resume(self, mends: Mend) -> None:
        """Awake again; what moto remembers is to be restored, for others may have used it meanwhile."""
        from cronstack_infra.local import mend
        from cronstack_infra.local.patches import patch

        self._mock.start()
        patch.repatch(mends[1])
        mend.mend_again(mends[0])
        self._pretence.start()

    # what a test or a simulation does with it

    @property
    def now(self) -> datetime:
        return self.hub.now

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud's."""
        import boto3
        from botocore.config import Config

        if service not in self._clients:
            session = boto3.Session(
                aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name=REGION
            )
            make: Any = session.client
            options: Any = {"ignore_configured_endpoint_urls": True}
            self._clients[service] = make(service, config=Config(**options))
        return self._clients[service]

    def deploy(self, assembly: Assembly) -> None:
        """Create or update the assembly's stack. Raises CronstackError with CloudFormation's reasons."""
        from cronstack_infra.play.simulation.deploying import deploy, outputs, upload

        for sha256, deployed in upload(self.client, assembly, self.shown).items():
            self._code[sha256] = deployed
        deploy(self.client("cloudformation"), assembly)
        ledger = outputs(self.client("cloudformation"), assembly.stack).get(names.OUTPUT_LEDGER)
        if ledger is not None:
            self.ledgers.add(ledger)
        self.stacks[assembly.stack] = assembly

    def advance(self, by: timedelta | datetime, look: Callable[[], bool] | None = None) -> None:
        """Let time pass: what is due until then happens, in order. Raises OperationError where time is not its own."""
        self._pretence.check_clock()
        to = by if isinstance(by, datetime) else self.now + by
        try:
            self.drive.advance(to, look)
        finally:
            self.handlers.desk.lay(None)

    def jump(self, to: datetime, *, rate_age: timedelta = timedelta()) -> None:
        """Be at a later time without playing what lies between: as though deployed there.

        rate_age: how long ago each ``rate()`` has fired for the first time. Defaults to 0: it fires at once.
        """
        if to < self.now:
            raise OperationError(f"the clock goes forward: {to} is before {self.now}")
        self.hub.move(microseconds(to))
        self.drive.begin_schedules_anew(to - rate_age)

    def snapshot(self) -> Snapshot:
        """Return the whole state, to be restored any number of times. Raise OperationError while something runs."""
        from cronstack_infra.play.simulation.snapshot import Snapshot

        if self.handlers.under_way or self.waiting():
            raise OperationError("a snapshot is taken when nothing is under way: advance the clock until it has ended")
        return Snapshot(self._state())

    def restore(self, snapshot: Snapshot) -> None:
        """Put a snapshot's state back. Handlers under way end without a result; warm sandboxes are cold again."""
        self.handlers.drop()
        self._put_back(snapshot.restore())

    def waiting(self) -> bool:
        """Whether something is planned that is no schedule: an event in a queue, a sleeper."""
        return self.hub.planned() > 1 or self.drive.waiting() > 0

    def _state(self) -> dict[str, Any]:
        return {
            "us": self.hub.us,
            "drive": self.drive.state(),
            "ledgers": {table: ledger.state() for table, ledger in self.ledgers.by_table.items()},
            "chance": self.randomness.getstate(),
            "believed": self._pretence.state(),
            "faults": (self.faults.rates, list(self.faults.planned)),
            "events": len(self.events),
            "stacks": dict(self.stacks),
        }

    def _put_back(self, state: dict[str, Any]) -> None:
        self.hub.reset(state["us"])
        self.drive.put_back(state["drive"])
        self.ledgers.put_back(state["ledgers"])
        self.randomness.setstate(state["chance"])
        self._pretence.put_back(state["believed"])
        self.faults.rates, self.faults.planned = state["faults"]
        del self.events[state["events"] :]
        self.stacks = state["stacks"]
        self.jobs.running.clear()
        self._each_day()

    # what happens

    def emit(self, event: dict[str, Any]) -> None:
        self._emit(event)

    def _unique(self) -> str:
        """An id as AWS gives its requests, by the seed."""
        digits = f"{self.randomness.getrandbits(128):032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def _started(self, invocation: Invocation) -> None:
        self.drive.effects.started(invocation)

    def _finished(self, attempt: Attempt, outcome: Outcome) -> None:
        if not outcome.ok:
            outcome = replace(outcome, payload=_without_trace(outcome.payload))
        self.drive.effects.finished(attempt.invocation, outcome)
        row = self.jobs.ended(attempt, outcome)
        if row is not None:
            self.emit(row)

    def _lines(self, attempt: Attempt, lines: list[str]) -> None:
        if self._keeps_logs:
            self.drive.effects.log(attempt.invocation.function, f"{self.now:%Y/%m/%d}/[$LATEST]simulated", lines)

    def _host_or_handler_sleeps(self, seconds: float) -> None:
        attempt = self.handlers.live()
        if attempt is None:
            self.advance(timedelta(microseconds=length(seconds)))
        else:
            self.handlers.sleep(attempt, max(length(seconds), SHORTEST))

    def _never_waits(self) -> None:
        from cronstack_infra.play.simulation.busy import busy_loop, place_of_loop

        attempt = self.handlers.live()
        place = place_of_loop(self.shown or TASK_ROOT)
        fault = busy_loop(place, self.hub.most_looks, self.now)
        if attempt is None:
            raise fault
        self.handlers.stall(fault, f"a loop that never waits: {place}")

    def _handler_leaves(self, status: int) -> None:
        attempt = self.handlers.live()
        if attempt is not None:
            self.handlers.kill(attempt, exited(attempt.invocation.request_id, status))

    def _code_of(self, function: Function) -> Deployed:
        if function.code_sha256 not in self._code:
            folder = self._workplace / str(len(self._code))
            self._code[function.code_sha256] = Deployed.unpack(function.code, folder, self.shown or TASK_ROOT)
        found = self._code[function.code_sha256]
        if function.layers:
            found = found.on(self._layers.opt(function.layers))
        own = function.handler.partition(".")[0]
        self._pretence.adopt(found.packages(own, search_path(function, Folders())))
        return found

    def _each_day(self) -> None:
        """Items whose time to live has ended go, once a day; DynamoDB promises a few."""
        from cronstack_infra.play.simulation.expiry import expire

        seconds = self.hub.us // 1_000_000
        for ledger in self.ledgers.by_table.values():
            ledger.expire(seconds)
        expire(seconds)
        self.hub.at(self.hub.us + 86_400_000_000, self._each_day)


def _without_trace(payload: bytes) -> bytes:
    """A failure without the stack, whose library files are this machine's."""
    try:
        fields = json.loads(payload)
    except ValueError:
        return payload
    if isinstance(fields, dict):
        fields.pop("stackTrace", None)
    return json.dumps(fields).encode()
