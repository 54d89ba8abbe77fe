"""The dates of responses, from which a client reads the time at AWS (see ``cronstack.timing.aws_clock``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cronstack.occurrence import to_datetime


def dated(answer: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return a response with the header Date that AWS adds. ``now``: epoch milliseconds."""
    about = answer.get("ResponseMetadata", {})
    return {
        **answer,
        "ResponseMetadata": {**about, "HTTPHeaders": {**about.get("HTTPHeaders", {}), "date": date_text(now)}},
    }


def date_text(now: int) -> str:
    """Return the form of a Date header: "Sun, 06 Nov 1994 08:49:37 GMT". ``now``: epoch milliseconds."""
    return _text(now // 1000)


@lru_cache(maxsize=64)
def _text(seconds: int) -> str:
    return f"{to_datetime(seconds * 1000):%a, %d %b %Y %H:%M:%S GMT}"
