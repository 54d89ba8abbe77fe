"""The carrier: a durable one-time schedule that brings an occurrence back when nothing else would. Pure.

What cannot be finished now (a retry, an occurrence that waits for the lease) must come back although nobody holds it in
memory. Two services could do that, and Scheduler was chosen:

                     one-time EventBridge schedule (chosen)         delay queue with a dispatcher
    privilege        the function may create schedules of its own   any function that may send could forge events for
                     name prefix, which invoke it and nothing else  another job, unless a dispatcher checks the sender
    idle cost        none, for one job or a thousand                some 650,000 polls a month on each queue
    each use         1 dollar a million                             0.40 dollars a million, and the dispatcher's runs
    twice            the name is taken: one schedule                two copies
    latency          within a minute                                seconds
    delay            years                                          15 minutes a hop

Latency is what it costs: a retry waits a minute anyway, and what waits for a lease looks once a minute.

The name is made of the occurrence, the kind of event and its input, the holder that is in the way, and the hop.
Making a carrier twice is therefore harmless. The hop grows with each carrier in a row, so that each has a name of its
own. The schedule deletes itself once it has fired.

A buffered occurrence is carried by every delivery of it, and by every newcomer that finds the slot full. Its carriers
have one name for all of them: the slot instead of a holder, and as hop the number of the next look. Looks are numbered
from the epoch, ``look`` seconds (a minute) apart. So of all who make a carrier in one minute only the first makes one,
and chains of carriers that began apart become one chain at the next look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cronstack.occurrence import to_datetime
from cronstack.steps import Call

OLDEST: Final = 86_400
"""Seconds for which Scheduler tries to invoke the function, its limit: what has started is not given up for an age."""
TRIES: Final = 185
LEADS: Final = (15, 60, 300, 900)
"""Seconds from now on, the earliest for which a schedule is made; by how often Scheduler has refused a time so far.

Scheduler may refuse a time that is past when it reads it. 15 s are for a request that is held up on its way, and for
two clocks that differ by the margin. When it refuses all the same, this clock is minutes behind. Of a clock that is
further off than the last lead it refuses the signatures.
"""


class Way(NamedTuple):
    """How a carrier reaches its function: names of the stack's own resources."""

    group: str
    """Name of the schedule group for carriers."""
    role: str
    """ARN of the role with which Scheduler invokes this function and no other."""
    function: str
    """ARN of the function, without a qualifier."""
    dead_letters: str
    """ARN of the queue for what Scheduler cannot deliver."""


def prefix(job: str) -> str:
    """How the names of a job's carriers begin, and those of no other job: its role may create schedules like these."""
    return f"carrier.{job[:20]}.{sha256(job.encode()).hexdigest()[:8]}."


SLOT: Final = "slot"
"""Stands for the holder in the names of a buffered occurrence's carriers; no holder has this id."""


def kind_of(event: Mapping[str, Any]) -> str:
    """Events of different kinds for one occurrence are carried apart: a redrive must not vanish in a plain retry."""
    if "redrive" in event:
        return f"redrive of {event['redrive']}"
    return "operator" if "by" in event else "plain"


def next_look(hop: int | None, now: int, look: int) -> int:
    """The number of the next look of a buffered occurrence: later than ``now`` and than the look that ``hop`` names.

    ``now`` is in epoch milliseconds, ``look`` the seconds from one look to the next. A carrier that comes early, or to
    a host whose clock is behind, does not take its own name again: its schedule may still exist, and never fire.
    """
    return max(-1 if hop is None else hop, now // (look * 1000)) + 1


def last_look(now: int, look: int) -> int:
    """The time of the last look that was due, in epoch milliseconds."""
    return now // (look * 1000) * look * 1000


def name(job: str, occurrence: str, kind: str, holder: str, hop: int) -> str:
    """At most 62 of the 64 characters that a schedule's name may have."""
    return prefix(job) + sha256(f"{occurrence}|{kind}|{holder}|{hop}".encode()).hexdigest()[:24]


def event_text(event: Mapping[str, Any], hop: int | None = None) -> str:
    """The event again, marked with its hop, as the Input of the schedule's target; without one, as it is."""
    # As short as ``occurrence`` has measured it: escaped, an "é" would take three times its bytes.
    return json.dumps(event if hop is None else {**event, "carrier": hop}, allow_nan=False, ensure_ascii=False)


def text_of(event: str, hop: int) -> str:
    """The same for an event that is JSON already."""
    return event_text(read_kept(event), hop)


def kept_text(event: Mapping[str, Any]) -> str:
    """The event as a row keeps it: without the mark of the carrier that brought it."""
    return event_text({name: value for name, value in event.items() if name != "carrier"})


def read_kept(event: str) -> dict[str, Any]:
    """The event that a run item keeps. It is not validated: a newer version may have written it."""
    fields: dict[str, Any] = json.loads(event)
    return fields


def lead(refusals: int = 0) -> int:
    """Milliseconds from now on, the earliest for which a schedule is made after so many refusals."""
    return LEADS[min(refusals, len(LEADS) - 1)] * 1000


class Building:
    """Builds ``create`` anew for each send, with a time that is in the future then: at ``due`` or soon after now.

    The name stays the same, so that however often it is sent, one schedule is made. ``now`` returns epoch milliseconds.
    """

    __slots__ = ("_asked", "_due", "_event", "_name", "_now", "_oldest", "_way", "call")

    def __init__(
        self, way: Way, name: str, event: str, due: int, now: Callable[[], int], *, oldest: int = OLDEST, asked: int = 0
    ) -> None:
        self._way, self._name, self._event, self._due = way, name, event, due
        self._now, self._oldest, self._asked = now, oldest, asked
        self.call: Call | None = None
        """The last one that was built."""

    def __call__(self, refusals: int) -> Call:
        due = max(self._due, self._now() + lead(refusals))
        self.call = create(self._way, self._name, self._event, due, oldest=self._oldest, asked=self._asked)
        return self.call

    @property
    def is_ahead(self) -> bool:
        """Whether the last one was for a time that is still to come, so that Scheduler has read it in time, too."""
        return self.call is not None and is_ahead(self.call.parameters, self._now())


MARGIN: Final = 2_000
"""Milliseconds that this clock and Scheduler's may differ."""


def is_ahead(schedule: Mapping[str, Any], now: int) -> bool:
    """Whether the time of a one-time schedule is still to come. ``schedule``: as it is created, or as it is shown.

    Scheduler may have accepted one for a time that was past already, when the request was held up on its way. Such a
    schedule may never fire, and then keeps its name.
    """
    expression = schedule.get("ScheduleExpression")
    return expression is None or str(expression) > _expression(now + MARGIN)


def renamed(name: str, again: int) -> str:
    """The name of a schedule that is made again, because the one of this name may never fire."""
    head, _, tail = name.rpartition(".")
    return f"{head}.{sha256(f'{name}|{again}'.encode()).hexdigest()[: len(tail)]}" if again else name


def _expression(due: int) -> str:
    return f"at({to_datetime(-(-due // 1000) * 1000):%Y-%m-%dT%H:%M:%S})"


def get(way: Way, name: str) -> Call:
    """Look whether the schedule exists."""
    return Call("GetSchedule", {"GroupName": way.group, "Name": name})


def create(way: Way, name: str, event: str, due: int, *, oldest: int = OLDEST, asked: int = 0) -> Call:
    """A one-time schedule that deletes itself; also what code schedules is one (see ``onetime.schedules``).

    ``due`` is in epoch milliseconds and rounded up: a second early might find nothing to do yet. ``oldest``: seconds
    for which Scheduler tries to invoke the function. Defaults to a day. ``asked`` tells apart, to Scheduler, makings
    of what may have been deleted since: a token it knows would make nothing. Defaults to 0: it never is deleted.
    """
    at = _expression(due)
    return Call(
        "CreateSchedule",
        {
            "Name": name,
            "GroupName": way.group,
            "ScheduleExpression": at,
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            # The same bytes again are the same schedule; with another time, the name is taken or was fired.
            "ClientToken": sha256(f"{name}|{at[3:-1]}|{asked}".encode()).hexdigest()[:32],
            "Target": {
                "Arn": way.function,
                "RoleArn": way.role,
                "Input": event,
                "RetryPolicy": {"MaximumEventAgeInSeconds": oldest, "MaximumRetryAttempts": TRIES},
                "DeadLetterConfig": {"Arn": way.dead_letters},
            },
        },
    )
