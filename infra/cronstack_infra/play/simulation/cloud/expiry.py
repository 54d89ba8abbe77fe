"""Deletion of expired items, once a day. DynamoDB guarantees it within a few days.

moto stores the setting and deletes nothing.
"""

from __future__ import annotations

from typing import Any, Final

from moto.dynamodb.models import dynamodb_backends

from cronstack_infra.play.simulation.clock.hub import Hub
from cronstack_infra.play.simulation.cloud.ledgers import Ledgers

_DAY: Final = 86_400_000_000


class Expiry:
    """The daily deletion in one cloud: always one timer of the hub."""

    def __init__(self, hub: Hub, ledgers: Ledgers) -> None:
        self._hub, self._ledgers = hub, ledgers

    def start(self) -> None:
        """Delete expired items now and each day."""
        seconds = self._hub.us // 1_000_000
        for ledger in self._ledgers.by_table.values():
            ledger.expire(seconds)
        expire(seconds)
        self._hub.at(self._hub.us + _DAY, self.start)


def expire(seconds: int) -> None:
    """Delete items that have expired at an epoch second, in every table of moto with a time to live."""
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
