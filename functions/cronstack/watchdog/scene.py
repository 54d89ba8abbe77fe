"""What a pass watches, what it finds, and what it reports. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from cronstack.errors import CronstackError
from cronstack.settings import Settings

ALARM_TOPIC: Final = "CRONSTACK_ALARM_TOPIC"
"""Environment variable with the ARN of the topic for notifications."""

Cause = Literal[
    "missed",
    "late",
    "overrunning",
    "failed",
    "abandoned",
    "buffered",
    "lost-carrier",
    "overdue-plan",
    "dead-letters",
    "paused",
    "schedule-deleted",
    "schedule-edited",
    "clock",
    "throttled",
    "event-age",
    "undelivered",
]
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)
"""All causes, in the order of INCIDENTS.md. Each is the title of its section there."""

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Clients = Callable[[str], Any]
"""Returns a boto3 client by the name of its service."""
AwsTime = Callable[[Mapping[str, Any]], int | None]
"""Returns the time of a response of AWS in epoch milliseconds; None if it has none."""


class Scene(NamedTuple):
    """The resources of the watched stack."""

    stack: str
    ledger: str
    """Name of the table."""
    topic: str
    """ARN of the SNS topic. "": incidents are only recorded."""
    group: str
    """Schedule group of the declared schedules."""
    carriers: str
    """Schedule group of the carriers."""
    queues: tuple[str, ...]
    """URLs of the queues of dead letters."""

    @classmethod
    def of(cls, settings: Settings, topic: str) -> Scene:
        """Return the scene of the stack to which the watchdog belongs.

        The group has the stack's name. Both queues are of one account and Region, so their URLs differ in the name.
        """
        handler = settings.dead_letters
        delivery = f"{handler.rpartition('/')[0]}/{settings.delivery_dead_letters.rpartition(':')[2]}"
        return cls(settings.stack, settings.ledger, topic, settings.stack, settings.carriers, (delivery, handler))


class Finding(NamedTuple):
    """Something that is wrong at the time of a pass. ``job``: "" for the stack."""

    job: str
    cause: Cause
    since: int
    """Epoch milliseconds at which the problem began, as far as is known."""
    facts: Mapping[str, Any]
    """JSON values for the text of the notification."""
    fingerprint: str = ""
    """The kind of the problem. If it changes, an open incident is notified again."""


class PassReport(NamedTuple):
    """Result of a finished pass."""

    at: int
    """Epoch milliseconds at which it began."""
    jobs: int
    findings: tuple[Finding, ...] = ()
    opened: int = 0
    notified: int = 0
    """Notifications that were published."""
    cleared: int = 0
    open: int = 0
    """Open incidents after the pass."""
    missed: int = 0
    """Open incidents with the cause "missed"."""
    late: int = 0
    started: int = 0
    """Missed occurrences that the pass has started."""
    requests: int = 0


def topic_of(environ: Mapping[str, str]) -> str:
    """Return the topic's ARN. Raise CronstackError if the variable is missing."""
    if not environ.get(ALARM_TOPIC):
        raise CronstackError(
            f"environment variable {ALARM_TOPIC} is not set",
            remedy="Deploy the stack again with Cronstack, which sets it. Do not remove it by hand.",
        )
    return environ[ALARM_TOPIC]
