"""The default values of all settings. Each has its unit in its docstring: seconds, megabytes or a count."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Overlap = Literal["skip", "buffer_one", "allow"]
"""What happens to an occurrence that is due while another one of its job runs (Temporal's names)."""
OnMissed = Literal["report", "run"]
"""What the watchdog does with an occurrence that never arrived: only report it, or report it and run it."""


class Defaults(NamedTuple):
    """The values that hold where a job or an operator gives none."""

    overlap: Overlap = "skip"
    """What happens to an occurrence while another run of the job holds the lease. Defaults to skip."""
    retries: int = 2
    """Attempts after the first, 0 to 20. Carriers start them. Defaults to 2."""
    backoff: int = 60
    """Seconds before the second attempt. Each further pause is twice as long. Defaults to 1 min."""
    longest_backoff: int = 3600
    """Most seconds between two attempts, unless a handler requests more. Defaults to 1 h."""
    delivery_retries: int = 2
    """How often Lambda itself delivers an event again: after a crash, or when the ledger did not answer. Lambda's
    own limit. Defaults to 2."""
    timeout: int = 60
    """Seconds after which Lambda kills an attempt (1 to 900). Defaults to 60."""
    memory: int = 256
    """Megabytes of the function (128 to 10240). Defaults to 256."""
    start_deadline: int = 3600
    """Seconds after its due time by which an occurrence must start, or it is missed (60 to 86400). At this age,
    Scheduler also stops retrying a delivery. Defaults to 1 h."""
    on_missed: OnMissed = "report"
    """What the watchdog does with an occurrence that never arrived. Defaults to report."""
    alert_after: int = 1
    """Failed runs in a row after which the watchdog notifies (1 to 100). Defaults to 1."""
    late_after: int = 300
    """Seconds after its due time, or after the end of its window, at which an occurrence that has not started is late
    (60 to 86400). Defaults to 5 min."""
    start_deadline_of_plans: int = 86400
    """The start deadline of a job that code may schedule (``once()``): thousands of plans may be due in one minute,
    and wait for Lambda. Scheduler keeps an event no longer. Defaults to 1 d."""
    lambda_event_age: int = 21600
    """Seconds Lambda keeps an event. A shorter time would drop its retries. Defaults to 6 h."""
    retention: int = 35 * 86400
    """Seconds a final run stays in the ledger. Defaults to 35 d."""
    horizon: int = 16 * 86400
    """Seconds after which an event is refused: the ledger may no longer show whether it ran. Defaults to 16 d."""
    open_retention: int = 400 * 86400
    """Seconds an open run, or a plan, stays in the ledger after its due time if nothing ends it, for example because
    its job was removed. Defaults to 400 d."""
    skew_margin: float = 2.0
    """Seconds two hosts' clocks may differ. A lease is taken over only this long after its end. Defaults to 2 s."""
    grace: float = 5.0
    """Seconds a lease outlives the Lambda deadline. As many seconds before the deadline, a waiting delivery gives
    up. Grace and margin together are below Lambda's first retry at 60 s. Defaults to 5 s."""
    patience: float = 10.0
    """Seconds a delivery waits for another delivery of the same occurrence before it makes a carrier. Defaults to
    10 s."""
    look: int = 60
    """Seconds between two checks of an occurrence that waits for the lease. Defaults to 1 min."""


DEFAULTS: Final = Defaults()
