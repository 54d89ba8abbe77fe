"""Where AWS is silent, or only promises a range: one frozen place. Each knob is tested at both values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Knobs:
    """How the engine decides what no document decides. Units: seconds, unless said."""

    seed: int = 0
    """Of every chance. Defaults to 0."""
    spread: float = 0.0
    """A firing comes up to this long after its instant; AWS promises no more than the minute (59). Defaults to 0,
    so that a local firing comes at once."""
    rate_starts_at_once: bool = True
    """A rate() without StartDate fires when it is created, else one period later, as that of a rule of EventBridge
    does. Defaults to True."""
    past_at_fires: bool = True
    """An at() that is past when it is created or enabled fires at once, else never. Defaults to True, the worse."""
    same_at_fires_again: bool = False
    """An at() that has fired fires again when it is updated to the same time. Defaults to False."""
    delivery_retry_base: float = 2.0
    """First wait of Scheduler's retries; it doubles with each, with jitter. Defaults to 2 s."""
    delivery_retry_most: float = 480.0
    """Longest wait between two of Scheduler's retries; 185 of them then fill a day. Defaults to 8 min."""
    retried_codes: frozenset[str] = frozenset()
    """Error codes with a status 4xx that Scheduler retries nevertheless. 429 and 5xx always are, other 4xx are
    permanent. Defaults to none."""
    duplicates: float = 0.0
    """Share of occurrences that are delivered twice: AWS promises at least once. Defaults to 0."""
    retry_delays: tuple[float, ...] = (60.0, 120.0)
    """Waits before Lambda's first and second retry of a failed function. Defaults to AWS's 1 and 2 minutes."""
    throttle_base: float = 1.0
    """First wait after Lambda was throttled or failed by itself; it doubles. Defaults to 1 s."""
    throttle_most: float = 300.0
    """Longest such wait. Defaults to 5 min."""
    source_batches: int = 5
    """Batches of one event source that run at once where ScalingConfig says nothing; AWS begins with five, too, and
    adds more by the minute. Defaults to 5."""
