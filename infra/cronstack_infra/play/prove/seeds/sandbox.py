"""One invocation in one sandbox: the runtime's real steps, stopped before each request, with their faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from cronstack.declaration import Job
from cronstack.errors import CronstackError, RetryLater
from cronstack.guard.decision import Decision
from cronstack.runtime import Ended, Shell
from cronstack.steps import Call, Fault, Request, Sleep, Work, read
from cronstack.timing.deadline import Deadline
from cronstack_infra.play.prove.log.records import InvocationRecord
from cronstack_infra.play.prove.models.clocks import Clocks
from cronstack_infra.play.prove.models.program import Program
from cronstack_infra.play.prove.models.shell import (
    SETTINGS,
    HandlerFailed,
    HandlerFailedForGood,
    discard_line,
)
from cronstack_infra.play.prove.models.switches import MARK
from cronstack_infra.play.prove.models.wire import NOT_TO_TABLE, SCHEDULES, FaultyClient, holder_of
from cronstack_infra.play.prove.models.world import EFFECTS, World
from cronstack_infra.play.prove.observer import Observer

if TYPE_CHECKING:
    from cronstack.run import Run
    from cronstack_infra.play.prove.models.queued import QueuedEvent

FAILURES: Final[dict[str, type[Exception]]] = {
    "handler fails": HandlerFailed,
    "handler fails for good": HandlerFailedForGood,
    "handler asks for later": RetryLater,
}


class DeliveryService(Protocol):
    """The part of Lambda and Scheduler that a sandbox needs."""

    def ended(self, invocation: InvocationRecord, *, failed: bool) -> None: ...
    def add_schedule(
        self, parameters: Mapping[str, Any], *, not_in_ledger: bool = False, time_uncertain: bool = False
    ) -> None: ...


class SeededSandbox(InvocationRecord, FaultyClient):
    """One invocation of a seed, with its clocks and its program."""

    def __init__(
        self, number: int, world: World, observer: Observer, service: DeliveryService, job: Job, event: QueuedEvent
    ) -> None:
        super().__init__(f"sandbox {number}", world, event, timeout=job.timeout)
        self.observer, self._service = observer, service
        self.clocks = Clocks(world)
        # The same as the runtime's own, which is created at the same moment by the same clocks.
        self._deadline = Deadline(self._remaining, self.clocks.monotonic, job.timeout)
        self.frozen_until = 0
        self._knows_time = False
        """An answer with a date has arrived."""
        self._slow = world.mix.crowd and world.chance.random() < 0.1
        code = world.rollout.code(world.now)
        world.add_trace(self.name, f"runs the code {code.name}")
        self._program = Program(job._replace(function=self._handler), event.body, self, self._shell, code)
        world.call_later(job.timeout * 1000, self._timed_out)

    def _shell(self, program: Program) -> Shell:
        return Shell(
            SETTINGS,
            program.transport,
            self.clocks.wall,
            self.clocks.monotonic,
            program.sleep,
            self.world.chance,
            discard_line,
            self._on_decision,
        )

    # -- its clocks ----------------------------------------------------------------------------------------------------
    def get_remaining_time_in_millis(self) -> int:
        return self.clocks.remaining(self.deadline)

    def _remaining(self) -> float:
        return self.get_remaining_time_in_millis() / 1000

    def estimated_left(self) -> float:
        return self._deadline.left()

    def _on_decision(self, decision: Decision) -> None:
        name = type(decision).__name__
        self.overlapped |= name in ("Wait", "Unreported")  # the invocation that it waits for may have ended
        if name in ("Duplicate", "Wait"):
            name = f"{name}({next(iter(decision))})"
        self.world.count("decision", name)
        self.world.add_trace(self.name, f"decides: {name}")

    # -- its steps -----------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        self.clocks.count()
        self.behind = max(0, -self.clocks.offset)
        self.context_left = self.get_remaining_time_in_millis()
        self._resume(None)

    def _resume(self, answer: Any) -> None:
        if self.ended:
            return
        if self.world.now < self.frozen_until:
            self.world.call_later(self.frozen_until - self.world.now, lambda: self._resume(answer))
            return
        self.hangs = self.outage = False
        if isinstance(answer, Mapping):
            self._correct_signing_clock(answer)
            self._knows_time |= "HTTPHeaders" in answer.get("ResponseMetadata", {})
            self.outage = isinstance(fault := read(answer), Fault) and fault.passing
            self.scheduler_failed |= self.last_operation in SCHEDULES and isinstance(fault, Fault)
            if self.last_operation not in NOT_TO_TABLE:
                self._note_ledger_answer()
            self.last_switch = str(answer.get(MARK, ""))
            if self.last_switch:
                self.world.count("switch", self.last_switch)
                self.observer.answer_changed(self, self.last_switch)
        if self.world.strikes("clock steps"):
            self.clocks.step()
            self.behind = max(self.behind, -self.clocks.offset)
        self._continue(self._program.resume, answer)

    def _note_ledger_answer(self) -> None:
        if not self.outage:
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = self.world.now

    def _continue(self, resume: Callable[[Any], Request | Ended], given: Any) -> None:
        try:
            request = resume(given)
        except CronstackError as fault:
            self._finish({}, fault)
            return
        match request:
            case Call():
                self._send(request)
            case Sleep(seconds):
                self.world.call_later(seconds * 1000, lambda: self._resume(None))
            case Work():
                self._begin_handler(request)
            case Ended(answer, raised):
                self._finish(answer, raised)

    def _finish(self, answer: Mapping[str, Any], raised: BaseException | None) -> None:
        self.ended = True
        how = answer.get("cronstack", "") if raised is None else f"raises {type(raised).__name__}"
        self.world.count("end", how)
        if how == "deferred":
            self.world.count("deferral", str(answer.get("reason")))
        self.world.add_trace(
            self.name, f"ends: {how} {answer.get('reason', '') if raised is None else str(raised)[:90]}"
        )
        self.observer.observe_end(self, answer, raised)
        if not self.given_up:
            self._service.ended(self, failed=raised is not None)

    def close(self) -> None:
        """Stop the program. No part of it runs after that."""
        self.ended = True
        self._program.close()

    def kill(self, why: str) -> None:
        if self.ended:
            return
        self.close()
        self.world.add_trace(self.name, f"is killed: {why}")
        self.observer.killed(self)
        if not self.given_up:
            self._service.ended(self, failed=True)

    def _timed_out(self) -> None:
        if self.ended:
            return
        if self.frozen_until > self.world.now or self.overruns:
            self.given_up = True
            self.world.add_trace(self.name, "is timed out by Lambda, but still runs")
            self._service.ended(self, failed=True)
        else:
            self.world.count("fault", "killed at the deadline")
            if self.hangs:
                self.observer.hung(self)
            self.kill("deadline")

    # -- requests ------------------------------------------------------------------------------------------------------
    def _send(self, call: Call) -> None:
        if call.operation != "GetItem" and not self.holder:
            self.holder = holder_of(call)
        self.previous_service = "ledger" if self.last_operation not in ("", *NOT_TO_TABLE) else ""
        self.last_operation = call.operation
        self.observer.observe_request(self, call)
        self.send(call)

    def _apply(self, call: Call) -> Mapping[str, Any]:
        to_scheduler = call.operation in SCHEDULES
        answer = (
            self.world.scheduler.answer(call) if to_scheduler else self.world.store(call.operation, call.parameters)
        )
        self.observer.observe_answer(self, call, answer)
        if call.operation == "CreateSchedule":
            if "Error" not in answer:
                self.world.count("carrier", "made")
                self._service.add_schedule(
                    call.parameters,
                    not_in_ledger=self.silent_since is not None,
                    time_uncertain=self._time_is_uncertain,
                )
            elif answer["Error"]["Code"] == "ConflictException" and MARK not in answer:
                self.world.count("carrier", "taken name")
        return answer

    @property
    def _time_is_uncertain(self) -> bool:
        """Whether its carriers may come at another time than those of other invocations."""
        return self.frozen or self.scheduler_failed or not self._knows_time

    def _hang_weight(self, call: Call) -> float:
        attempt = self.observer.log.attempt_of(self)
        return 3 if attempt is not None and attempt.handler_state is not None and attempt.settled is None else 1

    def _latency(self) -> int:
        return int(self.world.chance.random() * 1200) if self._slow else super()._latency()

    # -- the handler ---------------------------------------------------------------------------------------------------
    def _begin_handler(self, work: Work) -> None:
        self.observer.observe_handler(self, work)
        self.world.add_trace(self.name, f"handler starts: attempt {work.attempt}, fence {work.fence}")
        self._continue(self._program.begin_handler, work)

    def _handler(self, run: Run) -> None:
        """Run as the job's handler."""
        world, left, chance = self.world, self.left(), self.world.chance
        takes = chance.choice((0, 10, 300, int(left * 0.9 * chance.random()))) if not world.mix.crowd else 10
        fails = next((kind for fault, kind in FAILURES.items() if world.strikes(fault)), None)
        if world.strikes("killed in handler"):
            world.call_later(takes * chance.random(), lambda: self.kill("in its handler"))
        elif world.strikes("handler too long"):
            takes = left + 1_000_000
        elif world.strikes("handler beyond its deadline"):
            self.overruns, takes = True, left + chance.choice((1_000, 20_000, 500_000))
        failed = True
        try:
            self._work(run, takes)
            if fails is RetryLater:
                self.retry_after = chance.choice((1_000, 90_000, 4_000_000))
                run.retry(after=self.retry_after / 1000)
            if fails is not None:
                raise fails("no")
            if world.mix.commits:
                self._commit(run)
            failed = False
        finally:
            if not self.ended:
                self.observer.handler_ends(self, failed=failed)
                world.add_trace(self.name, f"handler ends: {'Failed' if failed else 'Succeeded'}")

    def _work(self, run: Run, milliseconds: float) -> None:
        """Wait. Renew the lease in time and keep a checkpoint half-way, if the mix contains them."""
        pieces = 2
        if self.world.mix.lease is not None:
            pieces = 1 + int(milliseconds / (self.world.mix.lease * 1000 / 3))
        for piece in range(pieces):
            self._program.wait(milliseconds / pieces)
            if self.world.mix.checkpoints:
                run.checkpoint([run.attempt, piece])
            if self.world.mix.lease is not None:
                run.extend()
                self.world.count("handler", "lease renewed")

    def _commit(self, run: Run) -> None:
        condition = "attribute_exists(#n)" if self.world.strikes("commit refused") else "attribute_not_exists(#never)"
        write = {
            "TableName": EFFECTS,
            "Key": {"pk": {"S": EFFECTS}, "sk": {"S": run.occurrence}},
            "UpdateExpression": "SET #n = if_not_exists(#n, :zero) + :one",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#n": "n", "#never": "never"},
            "ExpressionAttributeValues": {":zero": {"N": "0"}, ":one": {"N": "1"}},
        }
        run.commit({"Update": write})
        if self.world.strikes("handler fails after its commit"):
            raise HandlerFailed("no")
