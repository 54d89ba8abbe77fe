"""Query at the cost of its result: it reads the rows from the sorted partitions of ``order``.

moto sorts the whole table for each Query. It also returns no LastEvaluatedKey for a page that ends with the last row,
and accepts a starting key of another partition. moto still handles the old parameter QueryFilter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import Item, LimitedSizeDict

from cronstack_infra.local.dynamodb import capacity
from cronstack_infra.local.dynamodb.metering import meter, projected
from cronstack_infra.local.dynamodb.order import LAST, TABLE, Bounds, Place, SortedRows, rows_of
from cronstack_infra.local.moto.patch import Patch, wrapped_by

_OUTSIDE: Final = "The provided starting key is outside query boundaries based on provided conditions"
_PAST_THE_RANGE: Final = "The provided starting key does not match the range key predicate"
_NO_STARTING_KEY: Final = "The provided starting key is invalid"
_WRONG_TYPE: Final = "One or more parameter values were invalid: Condition parameter type does not match schema type"
_REVERSED: Final = (
    "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower "
    "bound; lower bound operand: {low}, upper bound operand: {high}"
)
_PREFIX_OF_NUMBER: Final = (
    "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: "
    "begins_with, operand type: N"
)


class _Page(NamedTuple):
    """The rows that one Query reads."""

    rows: list[Any]
    size: int
    is_cut: bool
    """Whether more rows may follow."""


def _query(
    query: Callable[..., Any],
    table: Any,
    hash_key: Any,
    range_comparison: str | None,
    range_objs: Sequence[Any],
    limit: int | None,
    exclusive_start_key: Mapping[str, Any] | None,
    scan_index_forward: bool,
    projection_expressions: Any,
    index_name: str | None = None,
    consistent_read: bool = False,
    filter_expression: Any = None,
    hash_key_conditions: Sequence[tuple[str, Any]] | None = None,
    range_key_conditions: Sequence[tuple[str, str, Sequence[Any]]] | None = None,
    **filters: Any,
) -> tuple[list[Any], int, dict[str, Any] | None]:
    """Return the same as moto's ``Table.query``: items, the number of rows read, and the last key."""
    index = _index(table, index_name, consistent_read)
    if filters or not hash_key_conditions:
        return query(  # type: ignore[no-any-return]  # moto is untyped
            *(table, hash_key, range_comparison, range_objs, limit, exclusive_start_key, scan_index_forward),
            *(projection_expressions, index_name, consistent_read, filter_expression),
            hash_key_conditions=hash_key_conditions,
            range_key_conditions=range_key_conditions,
            **filters,
        )
    order = rows_of(table).order(table, index_name or TABLE)
    partition, bounds = _key_range(order, hash_key_conditions, range_key_conditions or ())
    if exclusive_start_key is not None:
        start = _start(order, partition, bounds, exclusive_start_key)
        bounds = bounds.after(start, forward=scan_index_forward)
    projection = None if index is None else projected(index, order)
    if projection is not None and index in table.global_indexes:
        _refuse_unprojected(index, projection, projection_expressions)
    elif projection_expressions:
        projection = None  # a local index fetches other attributes from the table
    page = _read(order, partition, bounds, projection, limit, forward=scan_index_forward)
    if (open_meter := meter()) is not None:
        open_meter.read(table, order.name, partition, page.size, consistent=consistent_read)
    last = {name: page.rows[-1].attrs[name] for name in _key_names(table, order)} if page.is_cut else None
    items = page.rows if projection is None else [_project(row, projection) for row in page.rows]
    if filter_expression is not None:
        items = [row for row in items if filter_expression.expr(row)]
    if projection_expressions:
        items = [row.project(projection_expressions) for row in items]
    return items, len(page.rows), last


def _index(table: Any, name: str | None, consistent: bool) -> Any:
    if not name:
        return None
    index = next((candidate for candidate in table.all_indexes() if candidate.name == name), None)
    if index is None:
        names = ", ".join(existing.name for existing in table.all_indexes())
        raise MockValidationException(f"Invalid index: {name} for table: {table.name}. Available indexes are: {names}")
    if consistent and index in table.global_indexes:
        raise MockValidationException("Consistent reads are not supported on global secondary indexes")
    return index


def _key_range(
    order: SortedRows,
    hash_conditions: Sequence[tuple[str, Any]],
    range_conditions: Sequence[tuple[str, str, Sequence[Any]]],
) -> tuple[Place, Bounds]:
    """Return the partition and the range of the key conditions."""
    by_name = {name: _compared(order, name, value) for name, value in hash_conditions}
    partition = tuple(by_name[name] for name in order.hashes)
    prefix = tuple(_compared(order, name, values[0]) for name, _, values in range_conditions[:-1])
    if not range_conditions:
        return partition, Bounds((), (LAST,))
    name, comparison, values = range_conditions[-1]
    compared = [_compared(order, name, value) for value in values]
    if comparison.upper() == "BETWEEN" and compared[0] > compared[1]:
        low, high = (f"AttributeValue: {{{value.type}:{value.value}}}" for value in values)
        raise MockValidationException(_REVERSED.format(low=low, high=high))
    if comparison.upper() == "BEGINS_WITH" and values[0].type == "N":
        raise MockValidationException(_PREFIX_OF_NUMBER)
    return partition, _bounds(prefix, comparison.upper(), compared)


def _compared(order: SortedRows, name: str, value: Any) -> Any:
    compared = order.value(name, value)
    if compared is None:
        raise MockValidationException(_WRONG_TYPE)
    return compared


def _bounds(prefix: Place, comparison: str, values: Sequence[Any]) -> Bounds:
    """Return the range of places with ``prefix`` and then a value for which the comparison is true."""
    first = (*prefix, values[0])
    start, end = prefix, (*prefix, LAST)
    if comparison in ("=", "EQ"):
        return Bounds(first, (*first, LAST))
    if comparison in ("<", "LT"):
        return Bounds(start, first, with_high=False)
    if comparison in ("<=", "LE"):
        return Bounds(start, (*first, LAST))
    if comparison in (">", "GT"):
        return Bounds((*first, LAST), end)
    if comparison in (">=", "GE"):
        return Bounds(first, end)
    if comparison == "BETWEEN":
        return Bounds(first, (*prefix, values[1], LAST))
    if comparison == "BEGINS_WITH":
        return Bounds(first, (*prefix, _after_prefix(values[0])), with_high=False)
    raise MockValidationException("Invalid operator used in KeyConditionExpression: " + comparison)


def _after_prefix(prefix: Any) -> Any:
    """Return the least value that is greater than all values with a prefix."""
    if isinstance(prefix, bytes):
        cut = prefix.rstrip(b"\xff")
        return cut[:-1] + bytes([cut[-1] + 1]) if cut else LAST
    cut = prefix.rstrip(chr(0x10FFFF))
    return cut[:-1] + chr(ord(cut[-1]) + 1) if cut else LAST


def _start(order: SortedRows, partition: Place, bounds: Bounds, start_key: Mapping[str, Any]) -> Place:
    """Return the place after which to continue. Raise DynamoDB's error for a key that no page can have ended with."""
    place = order.place(start_key)
    if place is None or set(start_key) != set(order.keys):
        raise MockValidationException(_NO_STARTING_KEY)
    if place[0] != partition:
        raise MockValidationException(_OUTSIDE)
    if not bounds.contains(place[1]):
        raise MockValidationException(_PAST_THE_RANGE)
    return place[1]


def _read(
    order: SortedRows,
    partition: Place,
    bounds: Bounds,
    projection: frozenset[str] | None,
    limit: int | None,
    *,
    forward: bool,
) -> _Page:
    """Read up to the last row, the limit, or the largest size of a page."""
    rows: list[Any] = []
    size = 0
    for row in order.rows(partition, bounds, forward=forward):
        attributes = (
            row.attrs if projection is None else {name: row.attrs[name] for name in projection if name in row.attrs}
        )
        more = capacity.item_size(attributes)
        if rows and size + more > capacity.LARGEST_PAGE:
            return _Page(rows, size, True)
        rows.append(row)
        size += more
        if limit and len(rows) == limit:
            return _Page(rows, size, True)
    return _Page(rows, size, False)


def _key_names(table: Any, order: SortedRows) -> list[str]:
    return list(dict.fromkeys((*table.table_key_attrs, *order.keys)))


def _project(row: Any, projection: frozenset[str]) -> Any:
    """Return an item with the attributes of an index. moto's own projection converts each value three times."""
    projected_row = Item(row.hash_key, row.range_key, {})
    attributes = LimitedSizeDict()
    for name, value in row.attrs.items():
        if name in projection:
            dict.__setitem__(attributes, name, value)
    projected_row.attrs = attributes
    return projected_row


def _refuse_unprojected(index: Any, projection: frozenset[str], requested: Sequence[Sequence[str]] | None) -> None:
    missing = [path[0] for path in requested or () if path[0].partition("[")[0] not in projection]
    if missing:
        raise MockValidationException(
            f"One or more parameter values were invalid: Global secondary index {index.name} does not project "
            f"[{', '.join(missing)}]"
        )


PATCHES: Final = (
    Patch(
        "moto.dynamodb.models.table:Table",
        "query",
        "(self, hash_key, range_comparison, range_objs, limit, exclusive_start_key, scan_index_forward, "
        "projection_expressions, index_name=None, consistent_read=False, filter_expression=None, "
        "hash_key_conditions=None, range_key_conditions=None, **filter_kwargs)",
        "Query sorts the whole table, omits the last key of a page that is exactly full, and accepts any starting key.",
        (
            "a_query_reads_the_whole_table",
            "a_full_page_is_the_last_one",
            "a_query_starts_in_another_partition",
        ),
        wrapped_by(_query),
    ),
)
