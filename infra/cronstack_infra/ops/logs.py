"""What a function wrote: its log group in CloudWatch Logs, read from a time on, and followed.

Logs arrive late and out of order, on AWS by seconds: who follows looks back a little each time and passes over what
was shown already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack.occurrence import print_instant

LATENESS: Final = timedelta(seconds=60)
"""How late a line may arrive and still be seen by who follows. Defaults to one minute."""
PAUSE: Final = 1.0
"""Seconds between two looks of who follows. Defaults to 1 s; CloudWatch grants an account five a second."""


@dataclass(frozen=True)
class Line:
    """One log event: mostly one line, for a traceback several."""

    id: str
    at: datetime
    stream: str
    text: str

    def as_json(self) -> dict[str, str]:
        at = print_instant(self.at)
        return {"at": at, "stream": self.stream, "text": self.text}


def group_of(functions: Any, function: str) -> str:
    """The log group that a function writes to, as it is configured."""
    configuration = functions.get_function_configuration(FunctionName=function)
    return str(configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}")


def read(logs: Any, group: str, *, since: datetime) -> Iterator[Line]:
    """All from then on, the oldest first. Nothing at all when there is no such group: the function has never run."""
    from botocore.exceptions import ClientError

    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since.timestamp() * 1000), interleaved=True
    )
    try:
        for page in pages:
            for event in page["events"]:
                at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                yield Line(event["eventId"], at, event["logStreamName"], event["message"].rstrip("\n"))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def follow(
    logs: Any, group: str, *, since: datetime, clock: Callable[[], datetime], sleep: Callable[[float], None]
) -> Iterator[Line]:
    """All from then on, and what is written from now on, without end."""
    shown: dict[str, datetime] = {}
    while True:
        for line in read(logs, group, since=since):
            if line.id not in shown:
                shown[line.id] = line.at
                yield line
        since = max(since, clock() - LATENESS)
        shown = {known: at for known, at in shown.items() if at >= since - LATENESS}
        sleep(PAUSE)
