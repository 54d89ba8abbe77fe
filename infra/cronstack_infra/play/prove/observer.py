"""The observer: passes what happens in a world to the judges, and then to the bookkeeper. It judges nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from cronstack_infra.play.prove.judges.table import JUDGES, create_judges
from cronstack_infra.play.prove.log.bookkeeper import Bookkeeper
from cronstack_infra.play.prove.log.commits import CommitReader
from cronstack_infra.play.prove.log.listener import Acknowledgement, Listener
from cronstack_infra.play.prove.log.log import Log, plain
from cronstack_infra.play.prove.log.records import Attempt, Invoked
from cronstack_infra.play.prove.models.copies import Copies

if TYPE_CHECKING:
    from cronstack.steps import Call, Work
    from cronstack_infra.play.prove.log.plans import Caller
    from cronstack_infra.play.prove.models.world import World
    from cronstack_infra.play.store.store import Item


NOTIFICATIONS: Final = tuple(name for name in vars(Listener) if not name.startswith("_"))


def _passed_on(name: str) -> Callable[..., None]:
    """Return a method that passes a notification to those listeners whose class overrides it."""
    classes = (*(judge for judge, _ in JUDGES), Bookkeeper)
    default = getattr(Listener, name)
    heard = tuple((at, getattr(of, name)) for at, of in enumerate(classes) if getattr(of, name) is not default)

    def notify(self: Observer, *what: object, **named: object) -> None:
        listeners = self.listeners
        for at, hear in heard:
            hear(listeners[at], *what, **named)

    return notify


def _passes_notifications_on(observer: type[Observer]) -> type[Observer]:
    for name in NOTIFICATIONS:
        setattr(observer, name, _passed_on(name))
    return observer


@_passes_notifications_on
class Observer(Listener):
    """A list of judges and one log. A world calls ``observe_...``, or sends a notification as it is."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.listeners: list[Listener] = [*create_judges(log), Bookkeeper(log)]
        self._reader = CommitReader(log, self)

    @classmethod
    def of(cls, world: World, *, retries: int, start_deadline: int) -> Self:
        return cls(Log(world, retries=retries, start_deadline=start_deadline))

    def fork(self, copies: Copies) -> Self:
        """Return an independent copy. ``copies`` holds the world's copy already."""
        return type(self)(self.log.fork(copies))

    # -- what worlds call ----------------------------------------------------------------------------------------------
    def observe_request(self, invoked: Invoked, call: Call) -> None:
        """An invocation sends a request."""
        self.request_leaves(invoked, call, self.log.attempt_of(invoked))

    def observe_answer(self, invoked: Invoked, call: Call, answer: Mapping[str, Any]) -> None:
        """The store has just carried out a request of an invocation."""
        self._reader.carried_out(invoked, call, answer)

    def observe_caller(self, caller: Caller, call: Call, answer: Mapping[str, Any]) -> None:
        """The store has just carried out a request of application code."""
        self._reader.carried_out_for(caller, call, answer)

    def observe_intruder(self, occurrence: str, item: Item) -> None:
        """An intruder has written a plan."""
        self.plan_tampered(occurrence, plain(item))

    def observe_handler(self, invoked: Invoked, work: Work) -> None:
        """The runtime runs the handler."""
        attempt = self.log.attempt_of(invoked)
        if attempt is None:
            self.handler_begins_unclaimed(invoked)
            return
        if work.resume:
            self.log.world.count("handler", "resumed")
        self.handler_begins(invoked, attempt, work)

    def observe_end(self, invoked: Invoked, answer: Mapping[str, Any], raised: BaseException | None) -> None:
        """An invocation has returned or raised. From what was committed the judges know whether that was right."""
        attempt = self.log.attempt_of(invoked)
        self.ended(invoked, attempt, answer, raised)
        if raised is None and not invoked.given_up:  # else Lambda listens no more, and has delivered again
            self._acknowledge(invoked, attempt)

    def _acknowledge(self, invoked: Invoked, own: Attempt | None) -> None:
        log, event = self.log, invoked.event
        run = log.run(event.occurrence)
        # It died here, with a letter: what a redrive has made of it since is the redrive's.
        died_here = own is not None and own.settled == "dead" and run.letters[own.number, 0]
        if event.refused or died_here or run.letters[invoked.missed]:
            return
        over = invoked.saw_end or log.is_over(run)
        carried = run.recorded or run.lost or any(log.is_like(one, event) for one in run.carriers if one is not event)
        redriven = event.redrive is not None and run.claims > event.redrive
        self.acknowledged(Acknowledgement(invoked, event, run, over, carried, redriven))
