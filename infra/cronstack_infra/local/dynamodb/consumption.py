"""ConsumedCapacity in the answers of DynamoDB, and the counts of a local cloud's partitions.

moto answers with a constant for each action. ``capacity`` has the rules, and ``metering`` the sums.
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
from cronstack_infra.local.moto.surroundings import Surroundings

Action = Callable[[Any], Any]
Reads = Iterable[tuple[str, Mapping[str, Any], bool]]
"""Table, key, and whether it is read consistently."""


def _single(reads: Callable[[Mapping[str, Any]], Reads]) -> Callable[[Action, Surroundings], Action]:
    """An action on one table: the answer holds one ConsumedCapacity. ``reads``: what it reads by key."""

    def make(action: Action, around: Surroundings) -> Action:
        def answer(handler: Any) -> Any:
            wanted = _wanted(handler.body)
            with metered(int(around.now().timestamp())) as meter:
                try:
                    result = action(handler)
                except ConditionalCheckFailed:
                    _count_refused(meter, handler)
                    raise
                _count_reads(meter, handler, reads(handler.body))
            result.result.pop("ConsumedCapacityUnits", None)
            result.result.pop("ConsumedCapacity", None)
            if wanted != "NONE":
                table = handler.dynamodb_backend.get_table(handler.body["TableName"])
                result.result["ConsumedCapacity"] = _described(table, meter.tables.get(table, {}), wanted)
            return result

        return answer

    return make


def _several(reads: Callable[[Mapping[str, Any]], Reads], factor: int) -> Callable[[Action, Surroundings], Action]:
    """An action on several tables: the answer holds a list. ``factor``: of transactions."""

    def make(action: Action, around: Surroundings) -> Action:
        def answer(handler: Any) -> Any:
            wanted, is_split = _wanted(handler.body), factor == TRANSACTIONAL
            with metered(int(around.now().timestamp()), factor) as meter:
                result = action(handler)
                _count_reads(meter, handler, reads(handler.body))
                if not meter.tables:  # a transaction that had been carried out before reads what it wrote then
                    _count_reads(meter, handler, _written_by_transaction(handler.body))
            result.result.pop("ConsumedCapacity", None)
            if wanted != "NONE":
                result.result["ConsumedCapacity"] = [
                    _described(table, units, wanted, is_split=is_split) for table, units in meter.tables.items()
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
        (name, key, bool(asked.get("ConsistentRead")))
        for name, asked in body["RequestItems"].items()
        for key in asked["Keys"]
    ]


def _by_transaction(body: Mapping[str, Any]) -> Reads:
    return [(one["Get"]["TableName"], one["Get"]["Key"], True) for one in body["TransactItems"]]


def _written_by_transaction(body: Mapping[str, Any]) -> Reads:
    actions = [next(iter(one.values())) for one in body.get("TransactItems") or ()]
    return [(one["TableName"], one.get("Key") or one["Item"], True) for one in actions]


def _wanted(body: Mapping[str, Any]) -> str:
    wanted = str(body.get("ReturnConsumedCapacity") or "NONE")
    if wanted not in ("NONE", "TOTAL", "INDEXES"):
        raise MockValidationException(
            f"1 validation error detected: Value '{wanted}' at 'returnConsumedCapacity' failed to satisfy constraint: "
            "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"
        )
    return wanted


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
    meter.checked(table, key, None if item is None else item.attrs)


def _described(table: Any, units: Mapping[str, Units], wanted: str, *, is_split: bool = False) -> dict[str, Any]:
    """Return ConsumedCapacity of one table. ``is_split``: with units of reads and writes, as transactions answer."""
    total = Units(sum(one.read for one in units.values()), sum(one.write for one in units.values()))
    found: dict[str, Any] = {"TableName": table.name} | _fields(total, is_split=is_split)
    if wanted == "TOTAL":
        return found
    found["Table"] = _fields(units.get(TABLE, Units()), is_split=is_split)
    for field, indexes in (("LocalSecondaryIndexes", table.indexes), ("GlobalSecondaryIndexes", table.global_indexes)):
        used = {one.name: _fields(units[one.name], is_split=is_split) for one in indexes if one.name in units}
        found |= {field: used} if used else {}
    return found


def _fields(units: Units, *, is_split: bool) -> dict[str, float]:
    found = {"CapacityUnits": units.all}
    if is_split and units.read:
        found["ReadCapacityUnits"] = units.read
    if is_split and units.write:
        found["WriteCapacityUnits"] = units.write
    return found


def counts() -> list[dict[str, Any]]:
    """Return what each partition of each table has consumed since the start. The caller holds BACKENDS."""
    return [row for backend in _backends() for row in metering.describe(backend.tables)]


def forget_counts() -> None:
    """The caller holds BACKENDS."""
    for backend in _backends():
        metering.forget(backend.tables)


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
