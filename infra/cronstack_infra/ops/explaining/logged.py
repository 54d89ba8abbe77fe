"""The lines that the runtime has logged at the end of each invocation of one occurrence.

The row of a successful run stores neither its earlier errors nor its deferrals; the log does. So it is read only for a
run whose attempts or lateness the row does not explain. A killed attempt leaves no such line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cronstack_infra.ops.explaining.facts import Logged, LoggedEnd
from cronstack_infra.ops.logs import group_of

PAGES: Final = 20
"""Most pages of the log that are read for one occurrence."""
DENIED: Final = ("AccessDenied", "AccessDeniedException")
GONE: Final = "ResourceNotFoundException"
_AROUND: Final = timedelta(minutes=1)


def read_log(logs: Any, functions: Any, function: str, occurrence: str, first: datetime, last: datetime) -> Logged:
    """Return the ends of the invocations of an occurrence. Not read: no log group, or the credentials may not read it.

    ``first``, ``last``: the span in which they ended.
    """
    from botocore.exceptions import ClientError

    ends: list[LoggedEnd] = []
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group_of(functions, function),
            startTime=int((first - _AROUND).timestamp() * 1000),
            endTime=int((last + _AROUND).timestamp() * 1000),
            filterPattern=f'"{occurrence}"',
        )
        for number, page in enumerate(pages, 1):
            ends += [end for event in page["events"] if (end := _end(event, occurrence)) is not None]
            if number == PAGES:
                break
    except ClientError as error:
        if error.response["Error"]["Code"] not in (*DENIED, GONE):
            raise
        return Logged()
    return Logged(tuple(sorted(ends, key=lambda end: end.at)), read=True)


def _end(event: Any, occurrence: str) -> LoggedEnd | None:
    """Return the end in a log event; None for a handler's line, and for a line of another occurrence."""
    try:
        line = json.loads(event["message"])
    except ValueError:
        return None
    if not isinstance(line, dict) or "cronstack" not in line or line.get("occurrence") != occurrence:
        return None
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    attempt = line.get("attempt")
    text = {name: str(line.get(name) or "") for name in ("cronstack", "reason", "error")}
    number = attempt if isinstance(attempt, int) else 0
    return LoggedEnd(at, text["cronstack"], number, text["reason"], text["error"])
