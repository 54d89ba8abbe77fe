"""The values of all switches. Pure. ``table`` describes their meaning on AWS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PastAt = Literal["fires", "refused", "ignored"]


@dataclass(frozen=True)
class Switches:
    """One possible behaviour of AWS. Units: seconds, unless a field names another. A share is from 0 to 1."""

    seed: int = 0
    """Seed of all random numbers. Defaults to 0."""

    # -- Scheduler: when a schedule fires
    spread: float = 0.0
    """A firing comes up to this long after its instant; AWS guarantees only the minute (59). Defaults to 0, so that a
    local firing comes at once."""
    early: float = 0.0
    """A firing comes up to this long before its instant (60 at most). Defaults to 0."""
    scheduled_time: Literal["nominal", "actual"] = "nominal"
    """What <aws.scheduler.scheduled-time> contains under a flexible window. Defaults to "nominal"."""
    rate_starts_at_once: bool = True
    """A rate() without StartDate fires when it is created, else one period later, as that of a rule of EventBridge
    does. Defaults to True."""
    rate_anchor: Literal["kept", "update"] = "kept"
    """An update that does not change a rate() keeps its grid, or restarts it. Defaults to "kept"."""
    past_at: PastAt = "fires"
    """An at() that is past when it is created or enabled fires at once, is refused, or is accepted and never fires.
    Defaults to "fires"."""
    same_at_fires_again: bool = False
    """An at() that has fired fires again when it is updated to the same time. Defaults to False."""
    duplicates: float = 0.0
    """Share of occurrences that are delivered twice: AWS guarantees at least once. Defaults to 0."""

    # -- Scheduler: what its API answers
    past_start: Literal["refused", "accepted"] = "refused"
    """The answer to a StartDate of more than five minutes ago, in CreateSchedule and UpdateSchedule. Defaults to
    "refused"."""
    create_throttled: float = 0.0
    """Share of CreateSchedule requests that are throttled. Defaults to 0."""
    create_conflicts: float = 0.0
    """Share of CreateSchedule requests answered by ConflictException although the name is free. Defaults to 0."""
    stale_schedules: float = 0.0
    """GetSchedule and ListSchedules do not show a schedule for this long after its creation. Defaults to 0."""
    role_delay: float = 0.0
    """A new role cannot be assumed for this long. Defaults to 0."""
    group_deletion: float = 0.0
    """The schedules of a deleted group are deleted after this long, and may fire meanwhile. Defaults to 0."""

    # -- Scheduler: what it does with a delivery that fails
    delivery_retry_base: float = 2.0
    """First wait of Scheduler's retries; it doubles with each, with jitter. Defaults to 2 s."""
    delivery_retry_most: float = 480.0
    """Longest wait between two of Scheduler's retries; the 185 retries then take a day. Defaults to 8 min."""
    retried_codes: frozenset[str] = frozenset()
    """Error codes with a status 4xx that Scheduler retries. It always retries 429 and 5xx; other 4xx are permanent.
    Defaults to none."""

    # -- Lambda
    retry_delays: tuple[float, ...] = (60.0, 120.0)
    """Waits before Lambda's first and second retry of a failed function. Defaults to AWS's 1 and 2 minutes."""
    throttle_base: float = 1.0
    """First wait after a throttled invocation or a failure of Lambda itself; it doubles. Defaults to 1 s."""
    throttle_most: float = 300.0
    """Longest wait after throttling. Defaults to 5 min."""
    throttle_wait: Literal["sandbox", "backoff"] = "sandbox"
    """An event without a free sandbox in the account gets the next free one, in the order of the events, or is tried
    again after ``throttle_base`` seconds, doubled up to ``throttle_most``. Defaults to "sandbox"."""
    async_delay: float = 0.0
    """An asynchronous event waits in Lambda's queue for up to this long before its first try. Defaults to 0."""
    source_batches: int = 5
    """Batches of one event source that run at once without a ScalingConfig; AWS also starts with five, and adds more
    each minute. Defaults to 5."""
    clock_skew: float = 0.0
    """The clock of a sandbox is ahead or behind by up to this long. AWS refuses signatures of a clock that is off by
    more than five minutes. Defaults to 0."""
    hanging: float = 0.0
    """Share of a handler's requests that get no answer, whether carried out or not. Defaults to 0."""

    # -- DynamoDB
    dynamodb_down: float = 0.0
    """DynamoDB answers each request of a handler with an error for this long (86400 at most), once in each day of
    UTC, at a time that the seed draws. Defaults to 0."""

    # -- SQS
    empty_polls: float = 0.0
    """Share of short polls of a queue that return nothing although messages are visible. Defaults to 0."""

    # -- quotas
    invocations: int | None = None
    """Invocations that Scheduler makes per second in the account; None: without a limit. Defaults to None."""
    concurrency: int | None = None
    """Sandboxes that run at once in the account; None: without a limit. Defaults to None."""
