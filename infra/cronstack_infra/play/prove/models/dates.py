"""The dates of answers: the only thing by which code under proof can learn how late it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cronstack.occurrence import to_datetime


def dated(answer: Mapping[str, Any], now: int) -> dict[str, Any]:
    """Return an answer with the date that AWS gives it. ``now``: epoch milliseconds."""
    about = answer.get("ResponseMetadata", {})
    return {**answer, "ResponseMetadata": {**about, "HTTPHeaders": {"date": _date(now // 1000)}}}


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    return f"{to_datetime(seconds * 1000):%a, %d %b %Y %H:%M:%S GMT}"
