"""Reads of the ledger that stop as soon as the caller has enough: pages that grow, merged lists, rows in batches.

    runs of schedules and operators   the partition of a job, by occurrence
    keys by due time                  the lists of the index, merged; the next page of a list is read only when the rows
                                      of its last page are used up
    rows of keys                      BatchGetItem, consistent

The index contains only keys, and is eventually consistent. So an entry decides only which row is read and when; the
result comes from the row.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

from cronstack import clock
from cronstack.ledger.items import decode, read_run
from cronstack.ledger.listings import MOST_ROWS, batch_get, query_due, query_runs
from cronstack.ledger.partitions import DUE, PK, SK
from cronstack.ledger.rows import RunItem
from cronstack.steps import Call

FIRST: Final = 20
"""Rows of the first page, unless the caller gives a number. Each next page has twice as many."""
LARGEST: Final = 500
"""Rows of a page."""
_OPEN: Final = "open#"
_LONGEST_PAUSE: Final = 5.0

Item = Mapping[str, Any]
Key = tuple[str, str]
"""Partition key and sort key."""
Seen = Callable[[int], None]
"""Progress callback: number of rows and entries of the index that were read so far."""
T = TypeVar("T")


def ignore(count: int) -> None:
    """Show no progress."""


class IndexEntry(NamedTuple):
    """An entry of the index: the key of a row, and its due time, which may be outdated."""

    due: int
    key: Key


class Reader:
    """Reads of one ledger table. It counts what it reads."""

    def __init__(
        self, dynamodb: Any, table: str, *, seen: Seen = ignore, sleep: Callable[[float], None] = clock.sleep
    ) -> None:
        self._dynamodb, self._table, self._seen, self._sleep = dynamodb, table, seen, sleep
        self._read = 0

    def runs(
        self, job: str, first: str, last: str, *, newest_first: bool = True, size: int = FIRST, most: int | None = None
    ) -> Iterator[RunItem]:
        """Yield the runs of a job with ids from ``first`` to ``last``, ``most`` at most; no runs of keys."""

        def page(start: Item | None, limit: int) -> Call:
            bounds: dict[str, Any] = {"first": first, "last": last, "newest_first": newest_first}
            return query_runs(self._table, job, **bounds, start=start, limit=limit)

        runs = (read_run(item) for item in self._pages(page, size, most))
        return (run for run in runs if run is not None)

    def entries(
        self,
        lists: Sequence[str],
        *,
        first: int = 0,
        last: int | None = None,
        newest_first: bool = True,
        size: int = FIRST,
    ) -> Iterator[IndexEntry]:
        """Yield the entries of some lists of the index, due from ``first`` to ``last`` (epoch ms), by due time.

        ``size``: entries of each list's first page.
        """
        sign = -1 if newest_first else 1
        bounds: dict[str, Any] = {"first": first, "last": last, "newest_first": newest_first}

        def of_list(listed: str) -> Iterator[IndexEntry]:
            def page(start: Item | None, limit: int) -> Call:
                return query_due(self._table, listed, **bounds, start=start, limit=limit)

            for item in self._pages(page, size, None):
                # Planners can write the index attribute too: skip an entry of another partition.
                if item[PK]["S"] == listed.removeprefix(_OPEN):
                    yield IndexEntry(decode(item[DUE]), (item[PK]["S"], item[SK]["S"]))

        return heapq.merge(*map(of_list, lists), key=lambda entry: (sign * entry.due, entry.key))

    def items(self, keys: Iterable[Item]) -> dict[Key, Item]:
        """Return those rows of the keys, in DynamoDB's form, that exist."""
        rows: dict[Key, Item] = {}
        wanted = {(key[PK]["S"], key[SK]["S"]): key for key in keys}
        for chunk in chunks(iter(wanted.values()), MOST_ROWS):
            pending, pause = list(chunk), 0.05
            while pending:
                answer = self._dynamodb.batch_get_item(**batch_get(self._table, pending).parameters)
                got = answer["Responses"].get(self._table, [])
                rows |= {(item[PK]["S"], item[SK]["S"]): item for item in got}
                self._count(len(got))
                pending = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
                if pending and not got:  # throttled: botocore does not retry unprocessed keys
                    self._sleep(pause)
                    pause = min(_LONGEST_PAUSE, pause * 2)
        return rows

    def get(self, call: Call) -> Item | None:
        """Read one row. ``call`` is a GetItem."""
        item: Item | None = self._dynamodb.get_item(**call.parameters).get("Item")
        self._count(item is not None)
        return item

    def _pages(self, page: Callable[[Item | None, int], Call], size: int, most: int | None) -> Iterator[Item]:
        start, left = None, most
        while left is None or left > 0:
            call = page(start, size if left is None else min(size, left))
            answer = self._dynamodb.query(**call.parameters)
            self._count(len(answer["Items"]))
            yield from answer["Items"]
            left = None if left is None else left - len(answer["Items"])
            start, size = answer.get("LastEvaluatedKey"), min(LARGEST, size * 2)
            if not start:
                return

    def _count(self, rows: int) -> None:
        self._read += rows
        self._seen(self._read)


def chunks(source: Iterator[T], size: int = FIRST, largest: int = MOST_ROWS) -> Iterator[list[T]]:
    """Yield the items in lists that grow, each twice as long as the one before it."""
    while chunk := list(islice(source, size)):
        yield chunk
        size = min(largest, size * 2)
