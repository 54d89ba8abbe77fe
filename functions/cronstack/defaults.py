"""The knobs, in one frozen place. Units: seconds, megabytes and counts, as each comment says."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Overlap = Literal["skip", "buffer_one", "allow"]
"""What happens to an occurrence that is due while another of its job still runs (Temporal's names)."""


class Defaults(NamedTuple):
    """What holds where a job, or an operator, says nothing."""

    overlap: Overlap = "skip"
    """Another run of the job holds the lease: record the newcomer as skipped. Defaults to skip."""
    retries: int = 2
    """Attempts after the first, 0 to 20; carriers bring them. Defaults to 2."""
    backoff: int = 60
    """Seconds before the second attempt; each further pause is twice as long. Defaults to 1 min."""
    longest_backoff: int = 3600
    """Seconds no pause between two attempts exceeds, unless a handler says so. Defaults to 1 h."""
    delivery_retries: int = 2
    """How often Lambda itself delivers an event again: after a crash, or when the ledger could not be asked. Its own
    limit. Defaults to 2."""
    timeout: int = 60
    """Seconds one attempt may take; Lambda kills it then (1 to 900). Defaults to 60."""
    memory: int = 256
    """Megabytes of the function (128 to 10240). Defaults to 256."""
    start_deadline: int = 3600
    """Seconds after its due time by which an occurrence must have started, or it is missed; also the age at
    which Scheduler stops retrying a delivery (60 to 86400). Defaults to 1 h."""
    start_deadline_of_plans: int = 86400
    """The same for a job that code may schedule (``once()``): thousands of plans may be due in one minute, and wait
    for Lambda. Scheduler keeps an event no longer. Defaults to 1 d."""
    lambda_event_age: int = 21600
    """Seconds Lambda keeps an event; shorter would drop its retries. Defaults to 6 h."""
    retention: int = 35 * 86400
    """Seconds a final run stays in the ledger. Defaults to 35 d."""
    horizon: int = 16 * 86400
    """Seconds after which an event is too old for the ledger to tell whether it ran. Defaults to 16 d."""
    last_resort: int = 400 * 86400
    """Seconds an open run, or a plan, stays in the ledger after its due time when nothing ends it: its job may be
    removed. Defaults to 400 d."""
    skew_margin: float = 2.0
    """Seconds two hosts' clocks may differ; a lease is taken over only this long after its end. Defaults to 2 s."""
    grace: float = 5.0
    """Seconds a lease outlives the Lambda deadline, and before it a waiting delivery gives up. With the margin
    below Lambda's first retry at 60 s. Defaults to 5 s."""
    patience: float = 10.0
    """Seconds a delivery waits for another one that works the same occurrence, before a carrier takes over.
    Defaults to 10 s."""
    look: int = 60
    """Seconds after which what waits for the lease looks again, also when the lease lasts longer. Defaults to 1 min."""


DEFAULTS: Final = Defaults()
