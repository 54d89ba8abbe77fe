"""Records of the lease, of runs, attempts and invocations. Built from commits and effects alone.

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
"""What a dead letter is for: the attempt that died, and 0. Of a miss: 0, and the revision of the plan; 0 for none."""
ALIVE: Final[Death] = (-1, -1)


class Invoked:
    """One invocation, as the log knows it; also Lambda's context object.

    The log and its judges know the true time, and no clock of a sandbox. The subclass that plays it writes the fields
    up to ``excused``.
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
        """Of the attempt, as soon as a request shows it."""
        self.ended = False
        """It was killed or has returned: it does nothing more."""
        self.given_up = False
        """Lambda takes it for dead and delivers again; a zombie goes on."""
        self.overruns = False
        """Its handler does not stop at the deadline."""
        self.met = False
        """Another invocation lived at the same time."""
        self.rests: int | None = None
        """Milliseconds after which its handler wants the next attempt; None: the handler does not say."""
        self.excused = False
        """One of its requests took effect late, or a second time, without its knowledge."""
        self.killed = self.gave_up = False
        self.missed: Death = ALIVE
        """The miss that it has recorded."""
        self.behind = 0
        """Milliseconds by which its clock was behind at most."""
        self.scheduler_failed = False
        """Scheduler has refused one of its requests, or has not answered."""
        self.asked = ""
        """The operation of its last request."""
        self.outage = False
        """Its last request met a fault that passes."""
        self.silent_since: int | None = None
        """Since when the ledger has not answered it; None: it has."""
        self.before = ""
        """What it asked before its last request: "ledger", or "" for anything else."""
        self.frozen = False
        """It was frozen for a while."""
        self.told = -1
        """The milliseconds that Lambda's context said at its begin."""
        self.passing = ""
        """The switch that has changed its last answer; "" for none."""
        self.past_times = 0
        """Refusals of a schedule because its time is past. Judge: beliefs."""
        self.hangs = False
        """It waits for an answer that does not come."""
        self.letters = 0
        """Sends of its run's letter, repeated ones included. Judge: beliefs."""
        self.saw_end = False
        """When its last request was carried out, its occurrence was final, with a letter if it was dead."""
        self.spent: Counter[str] = Counter()
        """What was carried out for it: reads, writes, refusals, carriers, letters. Judge: costs."""

    def left(self) -> int:
        """Return the milliseconds until its deadline."""
        return max(0, self.deadline - self.world.now)

    def believed_left(self) -> float:
        """Return the seconds that it takes to be left."""
        return self.left() / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return what Lambda's context says."""
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
class Attempt:
    """A claim that was committed."""

    holder: str
    sandbox: Invoked
    run: RunRecord
    number: int
    fence: int
    expires: int
    kept: frozenset[str]
    """The checkpoints of which it must be given one: the last one in time, and late ones after it."""
    how: str | None = None
    """State of the handler: works, succeeded, failed, crashed; None: it never began."""
    settled: str | None = None
    lost: bool = False
    """Another attempt has claimed the lease."""
    after_crash: bool = False
    """The attempt before it ended without a word."""

    def fork(self, copies: Copies) -> Attempt:
        known = copies.get(id(self))
        if known is None:
            new = copies[id(self)] = shallow(self)
            new.sandbox, new.run = self.sandbox.fork(copies), self.run.fork(copies)
            return new
        assert isinstance(known, Attempt)
        return known


@dataclass(slots=True, eq=False)
class LetterClaim:
    """A dead run's letter, claimed by a sandbox that found it unsent."""

    sandbox: Invoked
    expires: int

    def fork(self, copies: Copies) -> LetterClaim:
        return LetterClaim(self.sandbox.fork(copies), self.expires)


@dataclass(slots=True, eq=False)
class RunRecord:
    """One occurrence."""

    occurrence: str
    claims: int = 0
    limit: int = 0
    fence: int = 0
    ended: str | None = None
    open: Attempt | None = None
    events: list[QueuedEvent] = field(default_factory=list)
    """The events that ask for it."""
    attempts: list[Attempt] = field(default_factory=list)
    """Those whose handler began."""
    deaths: set[Death] = field(default_factory=set)
    """Misses, too."""
    death: Death = ALIVE
    """The last one, while the run is dead or missed."""
    sender: Attempt | LetterClaim | None = None
    """The one that may send the letter of the last death."""
    letter_noted: bool = False
    """The ledger says that the letter of the last death was sent."""
    letters: Counter[Death] = field(default_factory=Counter)
    """Letters that were sent."""
    carriers: set[QueuedEvent] = field(default_factory=set)
    """On their way: made, and neither acknowledged nor given up."""
    recorded: bool = False
    """Lambda gave up a carrier's event, which is now among the dead letters."""
    lost: bool = False
    """An outage has swallowed a schedule that would have brought it, and operators have not repaired that yet."""
    swallowed: bool = False
    """The same, repaired or not."""
    unwritten: bool = False
    """One of these was made while the ledger did not answer, so no row could keep its event."""
    checkpoint: str = ""
    """The last one that was committed in time."""
    late_checkpoints: set[str] = field(default_factory=set)
    """Committed after ``checkpoint`` by a holder whose lease was past but not taken over yet."""
    placed: Invoked | None = None
    """The invocation that has put it into the slot. Until it has made the carrier, its event is not acknowledged."""
    waived: bool = False
    """An operator's event put it into the slot: no start deadline bounds it."""
    hampered: bool = False
    """One of its deliveries was killed or raised."""
    effects: int = 0
    """Commits of a handler's own write. Judge: endings."""

    def digest(self) -> object:
        """All that later judgements depend on."""
        attempts = tuple(
            (of.holder, of.how, of.sandbox.killed or of.sandbox.given_up or of.sandbox.gave_up)
            for of in self.attempts
            if of.how in ("works", "succeeded")
        )
        sender = self.sender and (self.sender.sandbox.name, self.sender.expires)
        letters, deaths = tuple(sorted(self.letters.items())), tuple(sorted(self.deaths))
        ended = (self.ended, self.open and self.open.holder, self.letter_noted, sender, letters, deaths, self.death)
        kept = (self.recorded, self.checkpoint, tuple(sorted(self.late_checkpoints)), self.effects, len(self.carriers))
        return self.occurrence, self.claims, self.limit, self.fence, ended, attempts, kept

    def fork(self, copies: Copies) -> RunRecord:
        known = copies.get(id(self))
        if known is not None:
            assert isinstance(known, RunRecord)
            return known
        new = copies[id(self)] = shallow(self)
        new.open = self.open and self.open.fork(copies)
        new.placed = self.placed and self.placed.fork(copies)
        new.sender = self.sender and self.sender.fork(copies)
        new.attempts = [one.fork(copies) for one in self.attempts]
        new.events = [one.fork(copies) for one in self.events]
        new.carriers = {one.fork(copies) for one in self.carriers}
        new.deaths, new.late_checkpoints = set(self.deaths), set(self.late_checkpoints)
        new.letters = Counter(self.letters)
        return new

    def close(self) -> None:
        """End the open attempt, if any; it is lost if it was not settled."""
        if self.open is not None and self.open.settled is None:
            self.open.lost = True
        self.open = None


@dataclass(slots=True)
class JobRecord:
    """The lease of the job, and the attempts whose handlers are running."""

    fence: int = 0
    held: Attempt | None = None
    working: list[Attempt] = field(default_factory=list)

    def fork(self, copies: Copies) -> JobRecord:
        return JobRecord(self.fence, self.held and self.held.fork(copies), [one.fork(copies) for one in self.working])
