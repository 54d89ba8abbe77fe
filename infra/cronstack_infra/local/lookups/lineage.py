"""Recursive loops, as Lambda detects them: how often each function has run because of one event.

Lambda counts in the trace header of each invocation. An SDK in a handler sends that header with each call. Only Lambda,
SQS and SNS pass it to the next invocation, so a loop through another service is not detected.

    Root=1-…;Parent=…;Sampled=0;Lineage=0a1b2c3d:2|4e5f6a7b:16
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import unquote

HEADER: Final = "X-Amzn-Trace-Id"
MOST_ROUNDS: Final = 16
"""Invocations of one function because of one event. Lambda's limit is about 16."""

Counts = Mapping[str, int]
"""Invocations so far, by a hash of the function."""

_LINEAGE: Final = re.compile(r"Lineage=((?:[0-9a-f]{8}:\d+\|?)+)")
_sent: ContextVar[str] = ContextVar("sent", default="")


@contextmanager
def sent_with(header: str) -> Iterator[None]:
    """Set the trace header of the request that the block carries out; "" for none."""
    token = _sent.set(unquote(header))
    try:
        yield
    finally:
        _sent.reset(token)


def header_sent() -> str:
    """Return the trace header of the request that is carried out; "" outside of requests."""
    return _sent.get()


def counts_sent() -> Counts:
    """Return the counts of the request that is carried out."""
    return counts_in([_sent.get()])


def counts_in(headers: Iterable[str]) -> Counts:
    """Return the counts of trace headers; the largest count of a function that is in several."""
    largest: dict[str, int] = {}
    for header in headers:
        lineage = _LINEAGE.search(header)
        for entry in lineage[1].rstrip("|").split("|") if lineage else ():
            name, _, count = entry.partition(":")
            largest[name] = max(largest.get(name, 0), int(count))
    return largest


def counts_of_messages(event: str) -> Counts:
    """Return the counts of an SQS event, whose records contain the trace headers of their messages."""
    if "Lineage=" not in event:
        return {}
    records: list[dict[str, Any]] = json.loads(event)["Records"]
    return counts_in(record["attributes"].get("AWSTraceHeader", "") for record in records)


def one_more(counts: Counts, function_arn: str) -> Counts:
    """Return the counts with one more invocation of a function."""
    name = _hash(function_arn)
    return {**counts, name: counts.get(name, 0) + 1}


def is_loop(counts: Counts, function_arn: str) -> bool:
    """Return whether a function has exceeded MOST_ROUNDS and must not run again."""
    return counts.get(_hash(function_arn), 0) > MOST_ROUNDS


def written(counts: Counts) -> str:
    """Return the counts as the last part of a trace header."""
    return "Lineage=" + "|".join(f"{name}:{count}" for name, count in counts.items())


@cache
def _hash(function_arn: str) -> str:
    return sha256(function_arn.encode()).hexdigest()[:8]
