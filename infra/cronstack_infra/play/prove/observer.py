"""The observer: passes each event of a world to the judges, then to the bookkeeper. It judges nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from cronstack_infra.play.prove.judges.table import JUDGES, create_judges
from cronstack_infra.play.prove.log.bookkeeper import Bookkeeper
from cronstack_infra.play.prove.log.commits import CommitReader
from cronstack_infra.play.prove.log.listener import Acknowledgement, EventReceiver
from cronstack_infra.play.prove.log.log import Log, plain
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord
from cronstack_infra.play.prove.models.copies import Copies

if TYPE_CHECKING:
    from cronstack.steps import Call, Work
    from cronstack_infra.play.prove.log.plans import CallerRecord
    from cronstack_infra.play.prove.models.world import World
    from cronstack_infra.play.store.store import Item


NOTIFICATIONS: Final = tuple(name for name in vars(EventReceiver) if not name.startswith("_"))


def _forwarder(name: str) -> Callable[..., None]:
    """Return a method that calls the listeners whose class overrides this notification."""
    classes = (*(judge for judge, _ in JUDGES), Bookkeeper)
    default = getattr(EventReceiver, name)
    methods = tuple((at, getattr(of, name)) for at, of in enumerate(classes) if getattr(of, name) is not default)

    def notify(self: Observer, *arguments: object, **named: object) -> None:
        listeners = self.listeners
        for at, method in methods:
            method(listeners[at], *arguments, **named)

    return notify


def _forwards_notifications(observer: type[Observer]) -> type[Observer]:
    for name in NOTIFICATIONS:
        setattr(observer, name, _forwarder(name))
    return observer


@_forwards_notifications
class Observer(EventReceiver):
    """A list of judges and one log. A world calls ``observe_...``, or a notification directly."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.listeners: list[EventReceiver] = [*create_judges(log), Bookkeeper(log)]
        self._reader = CommitReader(log, self)

    @classmethod
    def of(cls, world: World, *, retries: int, start_deadline: int) -> Self:
        return cls(Log(world, retries=retries, start_deadline=start_deadline))

    def fork(self, copies: Copies) -> Self:
        """Return an independent copy. ``copies`` already holds the world's copy."""
        return type(self)(self.log.fork(copies))

    # -- called by worlds ----------------------------------------------------------------------------------------------
    def observe_request(self, invocation: InvocationRecord, call: Call) -> None:
        """Notify that an invocation sends a request."""
        self.request_sent(invocation, call, self.log.attempt_of(invocation))

    def observe_answer(self, invocation: InvocationRecord, call: Call, answer: Mapping[str, Any]) -> None:
        """Notify that the store has carried out a request of an invocation."""
        self._reader.carried_out(invocation, call, answer)

    def observe_caller(self, caller: CallerRecord, call: Call, answer: Mapping[str, Any]) -> None:
        """Notify that the store has carried out a request of application code."""
        self._reader.carried_out_for(caller, call, answer)

    def observe_intruder(self, occurrence: str, item: Item) -> None:
        """Notify that an intruder has written a plan."""
        self.plan_tampered(occurrence, plain(item))

    def observe_handler(self, invocation: InvocationRecord, work: Work) -> None:
        """Notify that the runtime runs the handler."""
        attempt = self.log.attempt_of(invocation)
        if attempt is None:
            self.handler_begins_unclaimed(invocation)
            return
        if work.resume:
            self.log.world.count("handler", "resumed")
        self.handler_begins(invocation, attempt, work)

    def observe_end(
        self, invocation: InvocationRecord, answer: Mapping[str, Any], raised: BaseException | None
    ) -> None:
        """Notify that an invocation has returned or raised. The judges compare this with what was committed."""
        attempt = self.log.attempt_of(invocation)
        self.ended(invocation, attempt, answer, raised)
        if raised is None and not invocation.given_up:  # else Lambda ignores the result: it has delivered again
            self._acknowledge(invocation, attempt)

    def _acknowledge(self, invocation: InvocationRecord, own: AttemptRecord | None) -> None:
        log, event = self.log, invocation.event
        run = log.run(event.occurrence)
        # The run died here, with a letter. A redrive since then has its own acknowledgement.
        died_here = own is not None and own.settled == "dead" and run.letters[own.number, 0]
        if event.refused or died_here or run.letters[invocation.missed]:
            return
        final = invocation.saw_final or log.is_final(run)
        carried = (
            run.recorded
            or run.lost
            or any(log.can_replace(carrier, event) for carrier in run.carriers if carrier is not event)
        )
        redriven = event.redrive is not None and run.claims > event.redrive
        self.acknowledged(Acknowledgement(invocation, event, run, final, carried, redriven))
