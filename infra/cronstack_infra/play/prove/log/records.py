"""Records of the lease, of runs, attempts and invocations. Built only from commits and effects.

A comment "judge: ..." names the judge that writes the field. All other fields are written by ``bookkeeper``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from cronstack.settings import PLANS
from cronstack_infra.play.prove.models.copies import Copies, shallow
from cronstack_infra.play.prove.models.world import FUNCTION

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.prove.models.world import World


Death = tuple[int, int]
"""The cause of a dead letter: the attempt that died, and 0. For a miss: 0, and the plan's revision (0: no plan)."""
ALIVE: Final[Death] = (-1, -1)


class InvocationRecord:
    """The record of one invocation; also Lambda's context object.

    The log and its judges use the true time, not the clocks of sandboxes. The subclass that plays the invocation writes
    the fields up to ``excused``.
    """

    invoked_function_arn = FUNCTION
    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, name: str, world: World, event: QueuedEvent, *, timeout: int) -> None:
        self.name, self.world, self.event = name, world, event
        if event.alias:
            self.invoked_function_arn = f"{FUNCTION}:{PLANS}"
        self.timeout = timeout * 1000
        self.began, self.deadline = world.now, world.now + self.timeout
        self.holder = ""
        """The holder of its attempt, from the first request that contains it."""
        self.ended = False
        """It was killed or has returned."""
        self.given_up = False
        """Lambda has timed it out and delivers again, but the frozen process continues later."""
        self.overruns = False
        """Its handler continues after the deadline."""
        self.overlapped = False
        """Another invocation ran at the same time."""
        self.retry_after: int | None = None
        """Milliseconds after which its handler requests the next attempt; None: it requests no time."""
        self.excused = False
        """One of its requests took effect late or twice, which it cannot know."""
        self.killed = self.gave_up = False
        self.missed: Death = ALIVE
        """The miss that it has recorded."""
        self.behind = 0
        """Most milliseconds by which its clock was behind."""
        self.scheduler_failed = False
        """Scheduler has refused one of its requests, or has not answered."""
        self.last_operation = ""
        """The operation of its last request."""
        self.outage = False
        """Its last request got a transient fault."""
        self.silent_since: int | None = None
        """The time since which the ledger has not answered; None: its last answer arrived."""
        self.previous_service = ""
        """The service of the request before the last one: "ledger", or "" for any other."""
        self.frozen = False
        """It was frozen for a while."""
        self.context_left = -1
        """The milliseconds that Lambda's context returned at its start."""
        self.last_switch = ""
        """The switch that has changed its last answer; "" for none."""
        self.past_time_refusals = 0
        """Refusals of a schedule because its time is past. Judge: assumptions."""
        self.hangs = False
        """It waits for an answer that will not come."""
        self.letters = 0
        """Requests that send its run's letter, repeated ones included. Judge: assumptions."""
        self.saw_final = False
        """Its occurrence was final when its last request was carried out, with a letter if it was dead."""
        self.knows_not_paused = False
        """A read of the lease row has shown that the job is not paused. Judge: pauses."""
        self.spent: Counter[str] = Counter()
        """The number of its requests that were carried out, by kind. Judge: costs."""

    def left(self) -> int:
        """Return the milliseconds until its deadline."""
        return max(0, self.deadline - self.world.now)

    def estimated_left(self) -> float:
        """Return the seconds until its deadline, as the invocation computes them."""
        return self.left() / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the value of Lambda's context."""
        return self.left()

    def fork(self, copies: Copies) -> Self:
        known = copies.get(id(self))
        if known is not None:
            assert isinstance(known, type(self))
            return known
        new = copies[id(self)] = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, type(self.world))
        new.world, new.event = world, self.event.fork(copies)
        return new


@dataclass(slots=True, eq=False)
class AttemptRecord:
    """The record of a committed claim."""

    holder: str
    sandbox: InvocationRecord
    run: RunRecord
    number: int
    fence: int
    expires: int
    checkpoints: frozenset[str]
    """It must get one of these checkpoints: the last one that was in time, or a late one after it."""
    handler_state: str | None = None
    """State of the handler: works, succeeded, failed, crashed; None: it never started."""
    settled: str | None = None
    lost: bool = False
    """Another attempt has claimed the lease."""
    after_crash: bool = False
    """The previous attempt crashed."""

    def fork(self, copies: Copies) -> AttemptRecord:
        known = copies.get(id(self))
        if known is None:
            new = copies[id(self)] = shallow(self)
            new.sandbox, new.run = self.sandbox.fork(copies), self.run.fork(copies)
            return new
        assert isinstance(known, AttemptRecord)
        return known


@dataclass(slots=True, eq=False)
class LetterClaim:
    """The claim of a dead run's unsent letter by a sandbox."""

    sandbox: InvocationRecord
    expires: int

    def fork(self, copies: Copies) -> LetterClaim:
        return LetterClaim(self.sandbox.fork(copies), self.expires)


@dataclass(slots=True, eq=False)
class RunRecord:
    """The record of one occurrence."""

    occurrence: str
    claims: int = 0
    limit: int = 0
    fence: int = 0
    ended: str | None = None
    open: AttemptRecord | None = None
    events: list[QueuedEvent] = field(default_factory=list)
    """The events that request it."""
    attempts: list[AttemptRecord] = field(default_factory=list)
    """The attempts whose handler started."""
    deaths: set[Death] = field(default_factory=set)
    """All deaths, including misses."""
    death: Death = ALIVE
    """The last death, while the run is dead or missed."""
    sender: AttemptRecord | LetterClaim | None = None
    """The attempt or claim that may send the letter of the last death."""
    letter_noted: bool = False
    """The ledger has noted the letter of the last death as sent."""
    letters: Counter[Death] = field(default_factory=Counter)
    """The number of letters sent, by death."""
    carriers: set[QueuedEvent] = field(default_factory=set)
    """Carriers on their way: made, and neither acknowledged nor given up."""
    recorded: bool = False
    """Lambda gave up the event of a carrier, which is now among the dead letters."""
    lost: bool = False
    """An outage has lost a schedule that would have brought it, and operators have not repaired it yet."""
    was_lost: bool = False
    """As ``lost``, repaired or not."""
    not_in_ledger: bool = False
    """A lost schedule was made while the ledger did not answer, so its event is in no row."""
    checkpoint: str = ""
    """The last checkpoint that was committed in time."""
    late_checkpoints: set[str] = field(default_factory=set)
    """Checkpoints after ``checkpoint``, of a holder whose lease had ended but was not taken over yet."""
    placed_by: InvocationRecord | None = None
    """The invocation that has put it into the slot. It acknowledges its event only after it has made the carrier."""
    no_start_deadline: bool = False
    """An operator's event has put it into the slot, so it has no start deadline."""
    had_failed_delivery: bool = False
    """One of its deliveries was killed or raised."""
    effects: int = 0
    """The number of commits of a handler's own write. Judge: endings."""

    def digest(self) -> object:
        """Return all values that later judgements depend on."""
        attempts = tuple(
            (
                attempt.holder,
                attempt.handler_state,
                attempt.sandbox.killed or attempt.sandbox.given_up or attempt.sandbox.gave_up,
            )
            for attempt in self.attempts
            if attempt.handler_state in ("works", "succeeded")
        )
        sender = self.sender and (self.sender.sandbox.name, self.sender.expires)
        letters, deaths = tuple(sorted(self.letters.items())), tuple(sorted(self.deaths))
        ended = (self.ended, self.open and self.open.holder, self.letter_noted, sender, letters, deaths, self.death)
        rest = (self.recorded, self.checkpoint, tuple(sorted(self.late_checkpoints)), self.effects, len(self.carriers))
        return self.occurrence, self.claims, self.limit, self.fence, ended, attempts, rest

    def fork(self, copies: Copies) -> RunRecord:
        known = copies.get(id(self))
        if known is not None:
            assert isinstance(known, RunRecord)
            return known
        new = copies[id(self)] = shallow(self)
        new.open = self.open and self.open.fork(copies)
        new.placed_by = self.placed_by and self.placed_by.fork(copies)
        new.sender = self.sender and self.sender.fork(copies)
        new.attempts = [attempt.fork(copies) for attempt in self.attempts]
        new.events = [event.fork(copies) for event in self.events]
        new.carriers = {event.fork(copies) for event in self.carriers}
        new.deaths, new.late_checkpoints = set(self.deaths), set(self.late_checkpoints)
        new.letters = Counter(self.letters)
        return new

    def close(self) -> None:
        """Close the open attempt, if any. It is lost if it was not settled."""
        if self.open is not None and self.open.settled is None:
            self.open.lost = True
        self.open = None


@dataclass(slots=True)
class JobRecord:
    """The record of the job's lease, of the attempts whose handlers are running, and of its pause."""

    fence: int = 0
    lease_holder: AttemptRecord | None = None
    working: list[AttemptRecord] = field(default_factory=list)
    paused: bool = False
    resumed_at: int = -1
    """The time at which its last pause ended, by the true clock; -1: none has ended."""

    def fork(self, copies: Copies) -> JobRecord:
        return JobRecord(
            self.fence,
            self.lease_holder and self.lease_holder.fork(copies),
            [attempt.fork(copies) for attempt in self.working],
            self.paused,
            self.resumed_at,
        )
