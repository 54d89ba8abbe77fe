"""The flights by day: complete, and each in the file of its day."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cronstack.errors import OperationError
from cronstack_infra.demo import flights


@pytest.fixture(scope="module")
def year() -> list[flights.Day]:
    return list(flights.days(flights.archive()))


def test_the_year_is_complete_day_by_day(year: list[flights.Day]) -> None:
    assert len(year) == 365
    assert (year[0].date, year[-1].date) == ("2013-01-01", "2013-12-31")
    assert [day.date for day in year] == sorted(day.date for day in year)
    assert sum(day.flights for day in year) == 336_776


def test_new_years_day(year: list[flights.Day]) -> None:
    rows = list(csv.DictReader(io.StringIO(year[0].text)))
    assert len(rows) == year[0].flights == 842
    assert {(row["year"], row["month"], row["day"]) for row in rows} == {("2013", "1", "1")}
    assert rows[0]["carrier"] == "UA"
    assert "\r" not in year[0].text


def test_reading_them_does_not_import_pandas() -> None:
    program = "import sys; from cronstack_infra.demo import flights; flights.archive(); print('pandas' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.strip() == "False"


def test_a_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "flights.csv.zip"
    with zipfile.ZipFile(source, "w") as packed:
        packed.writestr("flights.csv", "carrier,flight\nUA,1\n")
    with pytest.raises(OperationError, match=r"flights\.csv\.zip does not begin with year, month, day"):
        list(flights.days(source))
