"""Read and follow the log group of a function in CloudWatch Logs.

On AWS log events arrive out of order and some seconds late. So ``follow`` reads the last minute again each time, and
skips the events that it has yielded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack.occurrence import print_instant

LATENESS: Final = timedelta(seconds=60)
"""Longest delay of a log event that ``follow`` still yields."""
PAUSE: Final = 1.0
"""Seconds between two reads of ``follow``. CloudWatch allows an account five reads a second."""


@dataclass(frozen=True)
class LogEvent:
    """One log event: mostly one line; a traceback has several."""

    id: str
    at: datetime
    stream: str
    text: str

    def as_json(self) -> dict[str, str]:
        at = print_instant(self.at)
        return {"at": at, "stream": self.stream, "text": self.text}


def group_of(functions: Any, function: str) -> str:
    """Return the configured log group of a function."""
    configuration = functions.get_function_configuration(FunctionName=function)
    return str(configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}")


def read(logs: Any, group: str, *, since: datetime) -> Iterator[LogEvent]:
    """Yield the log events from ``since`` on, oldest first; none if the function has never run and has no group."""
    from botocore.exceptions import ClientError

    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since.timestamp() * 1000), interleaved=True
    )
    try:
        for page in pages:
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield LogEvent(event["eventId"], at, event["logStreamName"], event["message"].rstrip("\n"))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def follow(
    logs: Any, group: str, *, since: datetime, clock: Callable[[], datetime], sleep: Callable[[float], None]
) -> Iterator[LogEvent]:
    """Yield the log events from ``since`` on, and new log events without end."""
    shown: dict[str, datetime] = {}
    while True:
        for line in read(logs, group, since=since):
            if line.id not in shown:
                shown[line.id] = line.at
                yield line
        since = max(since, clock() - LATENESS)
        shown = {known: at for known, at in shown.items() if at >= since - LATENESS}
        sleep(PAUSE)
