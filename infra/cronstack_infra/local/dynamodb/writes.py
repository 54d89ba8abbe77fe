"""Writes of one row: PutItem, UpdateItem and DeleteItem, and the same within batches, transactions and PartiQL.

Each write updates the row's place in the orders of its table (``order``), and reports its units to the open meter. A
value that is invalid as the key of an index is refused, and the row remains unchanged.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType

from cronstack_infra.local.dynamodb.metering import meter, unmetered
from cronstack_infra.local.dynamodb.order import rows_of
from cronstack_infra.local.moto.patch import Patch, wrapped_by

Attributes = Mapping[str, Any]


def _put(put: Callable[..., Any], table: Any, item_attrs: Attributes, *args: Any, **kwargs: Any) -> Any:
    refuse_index_keys(table, item_attrs, _put_message)
    before = stored_item(table, item_attrs)
    item = put(table, item_attrs, *args, **kwargs)
    rows_of(table).put(table, item)
    if (open_meter := meter()) is not None:
        open_meter.add_write(table, None if before is None else before.attrs, item.attrs)
    return item


def _delete(delete: Callable[..., Any], table: Any, hash_key: Any, range_key: Any) -> Any:
    item = delete(table, hash_key, range_key)
    if item is not None:
        rows_of(table).remove(table, item.attrs)
    if (open_meter := meter()) is not None:
        if item is not None:
            open_meter.add_write(table, item.attrs, None)
        else:
            key = {table.hash_key_attr: hash_key} | ({table.range_key_attr: range_key} if range_key else {})
            open_meter.add_check(table, key, None)
    return item


def _update(
    update: Callable[..., Any], backend: Any, table_name: str, key: Attributes, *args: Any, **kwargs: Any
) -> Any:
    table = backend.get_table(table_name)
    snapshot = RowSnapshot(table, key)
    try:
        with unmetered():
            item = update(backend, table_name, key, *args, **kwargs)
        refuse_index_keys(table, item.attrs, _update_message)
    except Exception:  # of any type: the item remains unchanged after any error
        snapshot.restore()
        raise
    rows_of(table).put(table, item)
    if (open_meter := meter()) is not None:
        open_meter.add_write(table, snapshot.attributes, item.attrs)
    return item


class RowSnapshot:
    """A copy of a row and of the stream of its table, so that a write can be undone."""

    def __init__(self, table: Any, key: Attributes) -> None:
        self._table = table
        item = stored_item(table, key)
        self._item = copy.deepcopy(item)
        self._key = dict(key)
        stream = table.stream_shard
        self._records = None if stream is None else list(stream.items)

    @property
    def attributes(self) -> Attributes | None:
        return None if self._item is None else self._item.attrs

    def restore(self) -> None:
        table, rows = self._table, rows_of(self._table)
        if rows.identity(self._key) is None:
            return
        hash_key = DynamoType(self._key[table.hash_key_attr])
        range_key = DynamoType(self._key[table.range_key_attr]) if table.range_key_attr else None
        partition, place = (table.items[hash_key], range_key) if range_key else (table.items, hash_key)
        if self._item is None:
            partition.pop(place, None)
            rows.remove(table, self._key)
        else:
            partition[place] = self._item
            rows.put(table, self._item)
        if self._records is not None:
            table.stream_shard.items = self._records


def stored_item(table: Any, attributes: Attributes) -> Any:
    """Return the item with the key in these attributes; None if it does not exist, or the key is incomplete."""
    if rows_of(table).identity(attributes) is None:
        return None
    hash_key = DynamoType(attributes[table.hash_key_attr])
    return table.get_item(hash_key, DynamoType(attributes[table.range_key_attr]) if table.range_key_attr else None)


def refuse_index_keys(table: Any, attributes: Attributes, message: Callable[[str, str, str, str], str]) -> None:
    """Raise DynamoDB's error for a key attribute of an index whose type is not the declared one."""
    indexes = (*table.global_indexes, *table.indexes)
    if not indexes:
        return
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table.attr}
    for index in indexes:
        for name in index.schema_key_attrs:
            value = attributes.get(name)
            if value is None or name in table.table_key_attrs or name not in types:
                continue
            actual = next(iter(value)) if isinstance(value, Mapping) else value.type
            if actual != types[name]:
                raise MockValidationException(message(name, types[name], actual, index.name))


def _put_message(name: str, expected: str, actual: str, index: str) -> str:
    return (
        f"One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: {expected} "
        f"Actual: {actual} IndexName: {index}"
    )


def _update_message(name: str, expected: str, actual: str, index: str) -> str:
    return "The update expression attempted to update the secondary index key to unsupported type"


_IN_ORDER: Final = "a_query_reads_the_whole_table"

PATCHES: Final = (
    Patch(
        "moto.dynamodb.models.table:Table",
        "put_item",
        "(self, item_attrs, expected=None, condition_expression=None, expression_attribute_names=None, "
        "expression_attribute_values=None, overwrite=False, return_values_on_condition_check_failure=None)",
        "An attribute of the wrong type is stored as the key of an index. The row's place in order is not noted.",
        ("an_index_key_of_another_type_is_put", _IN_ORDER),
        wrapped_by(_put),
    ),
    Patch(
        "moto.dynamodb.models.table:Table",
        "delete_item",
        "(self, hash_key, range_key)",
        "The row's place in order is not noted.",
        _IN_ORDER,
        wrapped_by(_delete),
    ),
    Patch(
        "moto.dynamodb.models:DynamoDBBackend",
        "update_item",
        "(self, table_name, key, update_expression, expression_attribute_names, expression_attribute_values, "
        "attribute_updates=None, expected=None, condition_expression=None, "
        "return_values_on_condition_check_failure=None)",
        "An attribute of the wrong type is stored as the key of an index. The row's place in order is not noted.",
        ("an_index_key_of_another_type_is_updated", _IN_ORDER),
        wrapped_by(_update),
    ),
)
