"""Items whose time to live is over leave moto's tables, too: moto 5.2.5 keeps the setting and deletes nothing."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import dynamodb_backends


def expire(seconds: int) -> None:
    """Delete what may be deleted at that epoch second, in every table that has a time to live."""
    for regions in dynamodb_backends.values():
        for backend in regions.values():
            for table in backend.tables.values():
                attribute = table.ttl.get("AttributeName")
                if attribute is not None and table.ttl["TimeToLiveStatus"] == "ENABLED":
                    _expire(table, attribute, seconds)


def _expire(table: Any, attribute: str, seconds: int) -> None:
    for item in table.all_items():
        value = item.attrs.get(attribute)
        if value is not None and value.type == "N" and float(value.value) < seconds:
            table.delete_item(item.hash_key, item.range_key)
