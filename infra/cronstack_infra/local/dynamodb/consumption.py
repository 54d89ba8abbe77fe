"""ConsumedCapacity in responses of DynamoDB, and the counts of a local cloud's partitions.

moto returns a constant for each action. ``capacity`` has the rules, ``metering`` the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from moto.dynamodb.exceptions import ConditionalCheckFailed, MockValidationException
from moto.dynamodb.models import dynamodb_backends

from cronstack_infra.local.dynamodb import metering
from cronstack_infra.local.dynamodb.capacity import TRANSACTIONAL, item_size
from cronstack_infra.local.dynamodb.metering import Meter, Units, metered
from cronstack_infra.local.dynamodb.order import TABLE, rows_of
from cronstack_infra.local.dynamodb.writes import stored_item
from cronstack_infra.local.moto.patch import Patch
from cronstack_infra.local.moto.surroundings import PatchParameters

Action = Callable[[Any], Any]
Reads = Iterable[tuple[str, Mapping[str, Any], bool]]
"""Table, key, and whether the read is consistent."""


def _single(reads: Callable[[Mapping[str, Any]], Reads]) -> Callable[[Action, PatchParameters], Action]:
    """Wrap an action on one table, whose response has one ConsumedCapacity. ``reads``: its reads by key."""

    def make(action: Action, around: PatchParameters) -> Action:
        def answer(handler: Any) -> Any:
            level = _level(handler.body)
            with metered(int(around.now().timestamp())) as meter:
                try:
                    result = action(handler)
                except ConditionalCheckFailed:
                    _count_refused(meter, handler)
                    raise
                _count_reads(meter, handler, reads(handler.body))
            result.result.pop("ConsumedCapacityUnits", None)
            result.result.pop("ConsumedCapacity", None)
            if level != "NONE":
                table = handler.dynamodb_backend.get_table(handler.body["TableName"])
                result.result["ConsumedCapacity"] = _described(table, meter.tables.get(table, {}), level)
            return result

        return answer

    return make


def _several(reads: Callable[[Mapping[str, Any]], Reads], factor: int) -> Callable[[Action, PatchParameters], Action]:
    """Wrap an action on several tables, whose response has a list. ``factor``: that of transactions, or 1."""

    def make(action: Action, around: PatchParameters) -> Action:
        def answer(handler: Any) -> Any:
            level, is_split = _level(handler.body), factor == TRANSACTIONAL
            with metered(int(around.now().timestamp()), factor) as meter:
                result = action(handler)
                _count_reads(meter, handler, reads(handler.body))
                if not meter.tables:  # a repeated transaction consumes a read of each item of the first one
                    _count_reads(meter, handler, _written_by_transaction(handler.body))
            result.result.pop("ConsumedCapacity", None)
            if level != "NONE":
                result.result["ConsumedCapacity"] = [
                    _described(table, units, level, is_split=is_split) for table, units in meter.tables.items()
                ]
            return result

        return answer

    return make


def _nothing(body: Mapping[str, Any]) -> Reads:
    return ()


def _by_get_item(body: Mapping[str, Any]) -> Reads:
    return [(body["TableName"], body["Key"], bool(body.get("ConsistentRead")))]


def _by_batch(body: Mapping[str, Any]) -> Reads:
    return [
        (name, key, bool(request.get("ConsistentRead")))
        for name, request in body["RequestItems"].items()
        for key in request["Keys"]
    ]


def _by_transaction(body: Mapping[str, Any]) -> Reads:
    return [(action["Get"]["TableName"], action["Get"]["Key"], True) for action in body["TransactItems"]]


def _written_by_transaction(body: Mapping[str, Any]) -> Reads:
    actions = [next(iter(item.values())) for item in body.get("TransactItems") or ()]
    return [(action["TableName"], action.get("Key") or action["Item"], True) for action in actions]


def _level(body: Mapping[str, Any]) -> str:
    level = str(body.get("ReturnConsumedCapacity") or "NONE")
    if level not in ("NONE", "TOTAL", "INDEXES"):
        raise MockValidationException(
            f"1 validation error detected: Value '{level}' at 'returnConsumedCapacity' failed to satisfy constraint: "
            "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"
        )
    return level


def _count_reads(meter: Meter, handler: Any, reads: Reads) -> None:
    for name, key, consistent in reads:
        table = handler.dynamodb_backend.get_table(name)
        item, place = stored_item(table, key), rows_of(table).order(table).place(key)
        size = 0 if item is None else item_size(item.attrs)
        meter.read(table, TABLE, place[0] if place else (), size, consistent=consistent)


def _count_refused(meter: Meter, handler: Any) -> None:
    table = handler.dynamodb_backend.get_table(handler.body["TableName"])
    key = handler.body.get("Key") or handler.body["Item"]
    item = stored_item(table, key)
    meter.add_check(table, key, None if item is None else item.attrs)


def _described(table: Any, units: Mapping[str, Units], level: str, *, is_split: bool = False) -> dict[str, Any]:
    """Return ConsumedCapacity of one table. ``is_split``: with separate units of reads and writes, for transactions."""
    total = Units(sum(part.read for part in units.values()), sum(part.write for part in units.values()))
    capacity: dict[str, Any] = {"TableName": table.name} | _fields(total, is_split=is_split)
    if level == "TOTAL":
        return capacity
    capacity["Table"] = _fields(units.get(TABLE, Units()), is_split=is_split)
    for field, indexes in (("LocalSecondaryIndexes", table.indexes), ("GlobalSecondaryIndexes", table.global_indexes)):
        used = {index.name: _fields(units[index.name], is_split=is_split) for index in indexes if index.name in units}
        capacity |= {field: used} if used else {}
    return capacity


def _fields(units: Units, *, is_split: bool) -> dict[str, float]:
    fields = {"CapacityUnits": units.all}
    if is_split and units.read:
        fields["ReadCapacityUnits"] = units.read
    if is_split and units.write:
        fields["WriteCapacityUnits"] = units.write
    return fields


def counts() -> list[dict[str, Any]]:
    """Return the consumption of each partition of each table since the start. The caller holds BACKENDS."""
    return [row for backend in _backends() for row in metering.describe(backend.tables)]


def reset_counts() -> None:
    """Reset the counts of all tables. The caller holds BACKENDS."""
    for backend in _backends():
        metering.reset(backend.tables)


def _backends() -> Iterator[Any]:
    for regions in dynamodb_backends.values():
        yield from regions.values()


_WRITES: Final = "The units of a write are constant, those of its indexes are missing, and a batch counts one."
_READS: Final = "The units of a read are constant, whatever its size and consistency."
_WRONG_WRITES: Final = "a_write_of_two_kilobytes_consumes_one_unit"
_WRONG_READS: Final = "a_read_of_eight_kilobytes_consumes_as_much_as_one_of_four"

PATCHES: Final = tuple(
    Patch("moto.dynamodb.responses:DynamoHandler", name, "(self)", reason, probe, make, over=True)
    for reason, probe, actions in (
        (
            _WRITES,
            _WRONG_WRITES,
            {
                "put_item": _single(_nothing),
                "update_item": _single(_nothing),
                "delete_item": _single(_nothing),
                "batch_write_item": _several(_nothing, 1),
                "transact_write_items": _several(_nothing, TRANSACTIONAL),
            },
        ),
        (
            _READS,
            _WRONG_READS,
            {
                "get_item": _single(_by_get_item),
                "query": _single(_nothing),
                "batch_get_item": _several(_by_batch, 1),
                "transact_get_items": _several(_by_transaction, TRANSACTIONAL),
            },
        ),
    )
    for name, make in actions.items()
)
