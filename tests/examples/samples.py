"""Runs and flights for the tests of the examples, without a cloud."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from cronstack import Run


def run_of(job: str, scheduled: str, **given: object) -> Run:
    """Return a first attempt of ``job`` at ``scheduled`` (ISO, UTC). ``given`` replaces other fields."""
    fields: dict[str, object] = {
        "job": job,
        "occurrence": f"t-{scheduled}",
        "scheduled": datetime.fromisoformat(scheduled).astimezone(UTC),
        "attempt": 1,
        "fence": 7,
        "input": {},
        "log": logging.getLogger(job),
        "seconds_left": lambda: 30.0,
    }
    return Run(**{**fields, **given})


def flight(**given: str) -> dict[str, str]:
    """Return a flight from EWR, five minutes late. ``given`` replaces fields ("NA" in both times: cancelled)."""
    fields = {"dep_time": "517", "dep_delay": "5", "origin": "EWR", "carrier": "UA"}
    return {**fields, **given}


def as_csv(flights: Sequence[dict[str, str]]) -> str:
    """Return a day's file, with its header."""
    text = io.StringIO()
    rows = csv.DictWriter(text, fieldnames=list(flight()))
    rows.writeheader()
    rows.writerows(flights)
    return text.getvalue()
