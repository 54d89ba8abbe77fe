"""The mix of a seed: one job, its occurrences, and its own selection of faults ("swarm testing").

A fault that is on in every seed hides the effects that need its absence: where everything crashes, nothing is ever
overtaken. So each seed switches most faults off, and draws how often the others occur.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from cronstack.defaults import Overlap

if TYPE_CHECKING:
    from random import Random

REQUEST_FAULTS: Final = (
    "crash before",  # killed, the request never left
    "crash after",  # killed, the request was carried out or refused, its answer not read
    "pause before",  # frozen for a while, but not beyond the deadline
    "pause after",
    "zombie before",  # frozen beyond deadline and lease, then it continues
    "zombie after",
    "lost request",  # not carried out, and no answer
    "lost answer",  # carried out, and no answer
    "late",  # as lost, and carried out up to minutes later
    "twice",  # carried out now, and again later
    "throttled",
    "5xx",  # not carried out
    "5xx done",  # carried out, yet answered by an internal error
    "conflict",
)
"""Each request meets at most one of them."""

SKEWED: Final = "skew beyond the margin"
EXPIRED_TOKENS: Final = "tokens expired"
OTHER_FAULTS: Final = (
    "handler fails",
    "handler fails for good",
    "handler asks for later",
    "commit refused",  # a condition of the handler's own write does not hold
    "handler fails after its commit",
    "killed in handler",
    "handler too long",  # killed at the deadline
    "handler beyond its deadline",  # breaks A3: overlaps are not judged
    "duplicate at once",
    "duplicate later",
    "carrier twice",
    "delivered early",  # an hour at most: its schedule was edited by hand, or an old letter was sent again by hand
    "delivered late",
    "delivered out of time",  # older than the horizon
    "another input",
    "outage",
    "clock steps",
    "skew",
    SKEWED,  # up to ten minutes
    "redrive",
    "redrive of nothing",
    "backfill",
    "trigger",
    "new generation",
    "lease deleted",  # breaks A6
    EXPIRED_TOKENS,  # the store does not recognise a repeated request
    "leap",  # weeks pass, DynamoDB deletes expired items, and old events come again
)
BREAKING_DEADLINES: Final = "handler beyond its deadline"
BREAKING_ITEMS: Final = "lease deleted"
RARE: Final = {
    BREAKING_DEADLINES: 0.06,
    BREAKING_ITEMS: 0.06,
    "leap": 0.12,
    EXPIRED_TOKENS: 0.15,
}
THEMES: Final = (
    ("handler fails for good", "redrive", "skew", "pause before", "late", "duplicate at once"),
    ("handler fails for good", "redrive", "crash after", "zombie before", "skew", "lost answer"),
    ("handler fails", "redrive", SKEWED, "pause before", "zombie before", "backfill"),
    ("duplicate at once", "duplicate later", "lost answer", "late", "zombie after", "skew", EXPIRED_TOKENS),
    ("handler fails", "duplicate at once", "backfill", SKEWED, "pause before", "late", "twice"),
    ("killed in handler", "duplicate at once", "skew", "pause after", "backfill"),
    ("lease deleted", "duplicate at once", "duplicate later", "backfill", "pause before"),
    ("killed in handler", "handler too long", "skew", "duplicate later"),
    ("lease deleted", "duplicate later", "zombie before", "zombie after", "backfill"),
    ("handler fails", "carrier twice", SKEWED, "pause before", "late"),
    ("handler fails", "carrier twice", "crash after", "lost answer", "duplicate later"),
    ("crash before", "crash after", "handler fails"),
    ("zombie before", "zombie after", "handler too long", "late", "twice"),
    ("handler fails", "carrier twice", "duplicate at once", "zombie before", "late"),
    ("delivered early", SKEWED, "lost answer", "duplicate at once"),
    ("delivered early", "clock steps", "duplicate at once"),
    ("delivered late", SKEWED, "clock steps", "late", "redrive"),
    ("delivered late", "crash after", "late", "duplicate later", "redrive"),
    ("outage", "delivered early", "delivered late", "duplicate later", SKEWED),
    ("killed in handler", "handler too long", SKEWED),
)
"""Groups of faults that reach rare states together. Some seeds have one group in addition."""
RATES: Final = (0.03, 0.1, 0.25)
THEME_RATES: Final = (0.05, 0.25, 0.5)
CROWDS: Final = 0.05
"""Share of seeds with many short occurrences of a job. A few hosts are slow, and get many refusals."""


PLANNING: Final = 4
"""Application code plans in one of so many seeds, in addition to the job's schedule or instead of it."""
THEMES_OF_PLANS: Final = (
    ("crash before", "crash after"),
    ("crash after", "carrier twice"),
    ("crash before", "lost answer", "late", "carrier twice"),
    ("zombie before", "zombie after", "pause before"),
    ("late", "twice", "conflict", "skew"),
    ("lost answer", "5xx done", "late"),
    ("pause before", "pause after", "duplicate later"),
    ("delivered late", "crash after", "late", "redrive"),
    ("delivered late", "lost answer", "twice", SKEWED),
    ("delivered early", "clock steps", SKEWED),
)


SHOWN_BY: Final = {
    **dict.fromkeys(
        ("past-at=refused", "past-at=fires", "past-at=ignored"), ("late", "twice", "pause before", "zombie before")
    ),
    "stale-schedules": ("lost answer", "5xx done"),
}
"""Faults that a switch needs to change answers: they delay a request past its time, or repeat it."""
COSTLY: Final = (
    *("outage", "lease deleted", EXPIRED_TOKENS, "leap", "delivered out of time"),
    *("clock steps", SKEWED, "handler beyond its deadline"),
)
"""Faults under which the number of requests is not judged (I14)."""
WAITING: Final = 0.15
"""Share of the seeds with a slot in which the buffered occurrence is often missed."""
MISSING: Final = 0.25
"""Share of the seeds with application code in which most plans are missed, and then redriven or planned again."""
INTRUDERS: Final = 0.2
"""Share of the seeds with application code that have an intruder, too."""
PAUSED: Final = 0.2
"""Share of seeds in which operators pause and resume the job."""
CLEAN: Final = 0.1
"""Share of seeds in which each request is carried out and answered once, so that requests can be counted (I14)."""


@dataclass(frozen=True)
class Mix:
    """The settings and the faults of one seed."""

    overlap: Overlap
    retries: int
    timeout: int
    start_deadline: int
    occurrences: int
    gap: int
    """Milliseconds between two due times."""
    latency: int
    """Longest time of a request in milliseconds, each way."""
    crowd: bool
    lease: int | None
    """Seconds of a lease that handlers renew."""
    commits: bool
    """Handlers commit a write together with their settlement."""
    checkpoints: bool
    fast_retries: bool
    """Lambda delivers again within seconds, as it may, instead of after one and two minutes."""
    request_faults: tuple[tuple[float, str], ...]
    """Cumulated probabilities."""
    rates: dict[str, float]
    keys: int = 0
    """Number of keys under which application code schedules; 0: there is no such code."""
    far: bool = False
    """Some keys are due in weeks, when the ledger has long deleted what has ended."""
    intruder: bool = False
    """Code that may only plan writes anything into plans, and sends anything by the alias for plans."""

    pauses: tuple[tuple[int, int], ...] = ()
    """When operators pause the job, in milliseconds from the first due time, and for how long."""
    switches: Mapping[str, float] = field(default_factory=dict)
    """The settings of this seed for what AWS leaves open (see ``switches``)."""

    def has(self, fault: str) -> bool:
        return fault in self.rates


def draw(chance: Random) -> Mix:
    """Draw the mix of a seed."""
    crowd = chance.random() < CROWDS
    share = 0.0 if crowd else chance.choice((0.0, 0.15, 0.3, 0.5))
    rates: dict[str, float] = {}
    for fault in (*REQUEST_FAULTS, *OTHER_FAULTS):
        if chance.random() < (RARE.get(fault, share) if not crowd else 0.0):
            rates[fault] = chance.choice(RATES)
    if not crowd and chance.random() < 0.3:
        for fault in chance.choice(THEMES):
            rates[fault] = chance.choice(THEME_RATES)
    if chance.random() < CLEAN:
        rates = {fault: rate for fault, rate in rates.items() if fault not in (*REQUEST_FAULTS, *COSTLY)}
    overlaps: tuple[Overlap, ...] = ("skip", "skip", "skip", "allow", "allow", "buffer_one", "buffer_one")
    timeout = chance.choice((3, 10, 30, 60, 60))
    overlap = chance.choice(overlaps)
    waiting = overlap == "buffer_one" and not crowd and chance.random() < WAITING
    if waiting:
        timeout = 60
        rates |= {"handler too long": 0.25}
    start_deadline = chance.choice((60, 300, 3600, 3600))
    return Mix(
        overlap="skip" if crowd else overlap,
        retries=chance.choice((0, 1, 2, 2, 4, 20)),
        timeout=60 if crowd else timeout,
        start_deadline=60 if waiting else start_deadline,
        occurrences=40 if crowd else chance.choice((1, 2, 2, 3, 4)),
        gap=1000 if crowd else chance.choice((1000, 5000, 60_000, 120_000)),
        latency=5 if crowd else chance.choice((1, 20, 20, 1500)),
        crowd=crowd,
        lease=10 if timeout > 10 and chance.random() < 0.2 else None,
        commits=chance.random() < 0.3,
        checkpoints=chance.random() < 0.3,
        fast_retries=chance.random() < 0.3,
        request_faults=_cumulated(rates),
        rates=rates,
    )


def draw_plans(mix: Mix, chance: Random) -> Mix:
    """Return the same mix with application code that plans."""
    rates = dict(mix.rates)
    if chance.random() < 0.6:
        for fault in chance.choice(THEMES_OF_PLANS):
            rates[fault] = chance.choice(RATES)
    missing = chance.random() < MISSING
    if missing:
        rates |= {"delivered late": 0.6, "redrive": 0.25}
    return replace(
        mix,
        start_deadline=60 if missing else mix.start_deadline,
        occurrences=min(mix.occurrences, 2) if chance.random() < 0.4 else 0,
        request_faults=_cumulated(rates),
        rates=rates,
        lease=10 if mix.timeout > 10 and chance.random() < 0.35 else mix.lease,
        keys=chance.choice((1, 1, 2, 3)),
        far=chance.random() < 0.25,
        intruder=chance.random() < INTRUDERS,
    )


def draw_pauses(mix: Mix, chance: Random) -> Mix:
    """Return the same mix with the pauses of this seed. Most seeds have none."""
    if mix.crowd or chance.random() >= PAUSED:
        return mix
    span = mix.occurrences * mix.gap + (400_000 if mix.keys or chance.random() < 0.5 else 5_000)
    pauses = tuple(
        (int(chance.random() * (span + 20_000)) - 20_000, chance.choice((2_000, 90_000, 700_000, 4_000_000)))
        for _ in range(chance.choice((1, 1, 2, 3)))
    )
    return replace(mix, pauses=pauses)


def with_switches(mix: Mix, switches: Mapping[str, float], chance: Random) -> Mix:
    """Return the same mix with these switches, and with the faults that let them show."""
    rates = dict(mix.rates)
    for switch, faults in SHOWN_BY.items():
        if switch in switches and not mix.crowd:
            rates |= {fault: chance.choice(RATES) for fault in faults}
    return replace(mix, switches=switches, rates=rates, request_faults=_cumulated(rates))


def _cumulated(rates: dict[str, float]) -> tuple[tuple[float, str], ...]:
    """Return cumulated probabilities. Together they are at most one half: some requests must succeed."""
    cumulated, faults = 0.0, []
    busy = sum(rates.get(fault, 0) for fault in REQUEST_FAULTS)
    scale = min(1.0, 0.5 / busy) if busy else 1.0
    for fault in REQUEST_FAULTS:
        if fault in rates:
            cumulated += rates[fault] * scale
            faults.append((cumulated, fault))
    return tuple(faults)
