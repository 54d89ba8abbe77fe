"""What the observer has noted: of a job, of a run, of an attempt, of a key. Built from commits and effects alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeVar

if TYPE_CHECKING:
    from cronstack_infra.play.prove.deliveries import Asked
    from cronstack_infra.play.prove.world import World


_Record = TypeVar("_Record")
Copies = dict[int, object]
"""What was copied already, by the original's ``id``: what two records share, their copies share, too."""


def shallow(record: _Record) -> _Record:
    """``copy.copy``, in a third of its time."""
    new = object.__new__(type(record))
    if hasattr(record, "__dict__"):
        new.__dict__.update(record.__dict__)
    else:
        slots: Any = type(record)
        for name in slots.__slots__:
            setattr(new, name, getattr(record, name))
    return new


class Invoked:
    """One invocation as the observer knows it; also Lambda's context.

    Its clock is off by ``offset``; how much time is left it knows exactly.
    """

    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:shop-stats"
    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, name: str, world: World, asked: Asked, *, timeout: int, offset: int = 0) -> None:
        self.name, self.world, self.asked, self.offset = name, world, asked, offset
        self.began, self.deadline = world.now, world.now + timeout * 1000
        self.holder = ""
        """Of the attempt, once a request has told it."""
        self.ended = False
        """Killed, or at its end: nothing more comes of it."""
        self.given_up = False
        """Lambda thinks it dead, and delivers again; a zombie goes on."""
        self.overruns = False
        """Its handler does not stop at the deadline."""
        self.killed = self.gave_up = False
        self.letters = 0
        """Sends of its run's letter, the first and those that repeat it."""
        self.excused = False
        """Something came of its requests that it could not know of: late, or a second time."""
        self.saw_end = False
        """When its last request was carried out, its occurrence was final, and told of."""
        self.spent: Counter[str] = Counter()
        """What was carried out for it: reads, writes, refusals, carriers, letters (see ``costs``)."""
        self.met = False
        """Another invocation lived at the same time."""
        self.rests: int | None = None
        """Milliseconds after which its handler wants the next attempt; None: it does not say."""

    def clock(self) -> int:
        return self.world.now + self.offset

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline - self.world.now)

    def fork(self, copies: Copies) -> Self:
        known = copies.get(id(self))
        if known is not None:
            assert isinstance(known, type(self))
            return known
        new = copies[id(self)] = shallow(self)
        world = copies[id(self.world)]
        assert isinstance(world, type(self.world))
        new.world, new.asked = world, self.asked.fork(copies)
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
    """The checkpoint that it must be given: the last one, or one that came after it, late."""
    how: str | None = None
    """Of the handler: works, succeeded, failed, crashed; None: it never began."""
    settled: str | None = None
    lost: bool = False
    """Another one has claimed the lease."""

    def fork(self, copies: Copies) -> Attempt:
        known = copies.get(id(self))
        if known is None:
            new = copies[id(self)] = shallow(self)
            new.sandbox, new.run = self.sandbox.fork(copies), self.run.fork(copies)
            return new
        assert isinstance(known, Attempt)
        return known


@dataclass(slots=True, eq=False)
class Claimed:
    """A dead run's letter, claimed by a sandbox that found it unsent."""

    sandbox: Invoked
    expires: int

    def fork(self, copies: Copies) -> Claimed:
        return Claimed(self.sandbox.fork(copies), self.expires)


@dataclass(slots=True, eq=False)
class RunRecord:
    """An occurrence."""

    occurrence: str
    claims: int = 0
    limit: int = 0
    fence: int = 0
    ended: str | None = None
    open: Attempt | None = None
    asked: list[Asked] = field(default_factory=list)
    """The events that ask for it."""
    attempts: list[Attempt] = field(default_factory=list)
    """Those whose handler began."""
    deaths: set[int] = field(default_factory=set)
    sender: Attempt | Claimed | None = None
    """Who may send the letter of the last death."""
    told: bool = False
    """The letter is noted as sent."""
    letters: Counter[int] = field(default_factory=Counter)
    carriers: set[Asked] = field(default_factory=set)
    """On their way: made, and neither acknowledged nor given up."""
    recorded: bool = False
    """Lambda gave a carrier's event up: it lies among the dead letters."""
    checkpoint: str = ""
    """The last one that was committed in time."""
    late_checkpoints: set[str] = field(default_factory=set)
    """Committed after it by a holder whose lease was past, though nobody had taken it over yet."""
    waived: bool = False
    """An operator had it put into the slot: no start deadline bounds it."""
    hampered: bool = False
    """A delivery of it was killed, or gave up."""
    effects: int = 0
    """Commits of a handler's own write."""

    def digest(self) -> object:
        """All that later judgements depend on."""
        attempts = tuple(
            (of.holder, of.how, of.sandbox.killed or of.sandbox.given_up or of.sandbox.gave_up)
            for of in self.attempts
            if of.how in ("works", "succeeded")
        )
        sender = self.sender and (self.sender.sandbox.name, self.sender.expires)
        letters = tuple(sorted(self.letters.items()))
        ended = (self.ended, self.open and self.open.holder, self.told, sender, letters, tuple(sorted(self.deaths)))
        kept = (self.recorded, self.checkpoint, tuple(sorted(self.late_checkpoints)), self.effects, len(self.carriers))
        return self.occurrence, self.claims, self.limit, self.fence, ended, attempts, kept

    def fork(self, copies: Copies) -> RunRecord:
        known = copies.get(id(self))
        if known is not None:
            assert isinstance(known, RunRecord)
            return known
        new = copies[id(self)] = shallow(self)
        new.open = self.open and self.open.fork(copies)
        new.sender = self.sender and self.sender.fork(copies)
        new.attempts = [one.fork(copies) for one in self.attempts]
        new.asked = [one.fork(copies) for one in self.asked]
        new.carriers = {one.fork(copies) for one in self.carriers}
        new.deaths, new.late_checkpoints = set(self.deaths), set(self.late_checkpoints)
        new.letters = Counter(self.letters)
        return new

    def close(self) -> None:
        """The open attempt, if any, is over; was it not settled, it was lost."""
        if self.open is not None and self.open.settled is None:
            self.open.lost = True
        self.open = None


@dataclass(slots=True)
class JobRecord:
    """The lease of the job, and who works."""

    fence: int = 0
    held: Attempt | None = None
    working: list[Attempt] = field(default_factory=list)

    def fork(self, copies: Copies) -> JobRecord:
        return JobRecord(self.fence, self.held and self.held.fork(copies), [one.fork(copies) for one in self.working])


Kind = Literal["none", "planned", "begun", "ended", "cancelled"]


class State(NamedTuple):
    """What stood under a key, and by which plan."""

    kind: Kind
    revision: int = 0
    due: int = 0
    payload: str = ""
    asked: str = ""


@dataclass(slots=True, eq=False)
class KeyRecord:
    """A key's history."""

    states: list[State] = field(default_factory=lambda: [State("none")])
    told: int = 0
    """The highest revision of which a caller was told that it stands."""
    cancelled: int = 0
    """The highest revision that was cancelled, or forgotten when it was over."""
    made: set[int] = field(default_factory=set)
    """Revisions that were given a schedule."""

    @property
    def now(self) -> State:
        return self.states[-1]

    @property
    def stands(self) -> bool:
        """Somebody relies on it: it was told, and not cancelled since."""
        return self.told > self.cancelled

    def digest(self) -> object:
        return tuple(self.states), self.told, self.cancelled, tuple(sorted(self.made))

    def fork(self) -> KeyRecord:
        return KeyRecord(list(self.states), self.told, self.cancelled, set(self.made))
