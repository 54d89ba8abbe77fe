"""Packing loses nothing: the unpacked columns are the attempts of the trace."""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.errors import OperationError
from cronstack.ledger.rows import OUTCOMES
from cronstack_infra.play import report
from cronstack_infra.play.report.pack import pack

FIRST = datetime(2013, 1, 1, tzinfo=UTC)


def stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def begin(*jobs: str, days: int = 31) -> dict[str, Any]:
    return {
        "event": "begin",
        "from": stamp(FIRST),
        "until": stamp(FIRST + timedelta(days=days)),
        "seed": 7,
        "stack": "shop",
        "jobs": [
            {"job": job, "schedules": [["rate(1 minute)", "UTC", None]], "where": f"jobs/{job}.py:3"} for job in jobs
        ],
    }


def attempt(
    job: str, after: float, seconds: float = 1.0, outcome: str = "succeeded", number: int = 1, **more: Any
) -> Any:
    began = FIRST + timedelta(seconds=after)
    return {
        "event": "attempt",
        "job": job,
        "occurrence": f"t-{stamp(began)}",
        "began": stamp(began),
        "seconds": seconds,
        "attempt": number,
        "outcome": outcome,
        "reason": "",
        "error": "",
    } | more


END = {"event": "end"}


def unpack(packed: dict[str, Any]) -> list[tuple[int, int, int, int, int]]:
    raw, count = zlib.decompress(base64.b64decode(packed["columns"])), packed["attempts"]
    columns, place = [], 0
    for kind, size in (("I", 4), ("I", 4), ("H", 2), ("B", 1), ("B", 1)):
        columns.append(array(kind, raw[place : place + size * count]))
        place += size * count
    assert place == len(raw)
    start, unpacked = 0, []
    for row in zip(*columns, strict=True):
        start += row[0]
        unpacked.append((start, *row[1:]))
    return unpacked


ATTEMPTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "later"]),
        st.integers(0, 26_000_000).map(lambda tenths: tenths / 10),
        st.integers(0, 900_000).map(lambda milliseconds: milliseconds / 1000),
        st.sampled_from(OUTCOMES),
        st.integers(0, 300),
    ),
    max_size=30,
)


@given(ATTEMPTS)
def test_all_attempts_are_packed_in_order(attempts: list[tuple[Any, ...]]) -> None:
    packed = pack([begin("a", "b"), *(attempt(*values) for values in attempts), END])
    assert packed is not None
    names = [job["name"] for job in packed["jobs"]]
    unpacked = [
        (names[job], start, took, OUTCOMES[outcome], number) for start, took, job, outcome, number in unpack(packed)
    ]
    expected = [
        (job, round(after * 10), round(took * 1000), what, min(n, 255)) for job, after, took, what, n in attempts
    ]
    assert sorted(unpacked) == sorted(expected)
    assert [start for _, start, *_ in unpacked] == sorted(start for _, start, *_ in unpacked)
    assert len(packed["notes"]) == sum(what != "succeeded" for *_, what, _ in attempts)


def test_a_failed_attempt_has_a_note_with_its_reason() -> None:
    rows = [attempt("a", 5), attempt("a", 1, outcome="dead", reason="Permanent", error="ValueError: no")]
    packed = pack([begin("a"), *rows, END])
    assert packed is not None
    assert packed["notes"] == [[0, "t-2013-01-01T00:00:01.000Z", "Permanent: ValueError: no"]]


@pytest.mark.parametrize("rows", [[], [begin("a")], [END], [begin("a"), attempt("a", 1)]])
def test_an_incomplete_trace_is_refused(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    with pytest.raises(OperationError, match="is not a complete trace"):
        report.write(trace, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
