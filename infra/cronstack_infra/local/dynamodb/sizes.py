"""The largest item: 400 KB, names and values together, measured after a write.

AWS: Amazon DynamoDB Developer Guide, "Quotas": "The maximum item size in DynamoDB is 400 KB, which includes both
attribute name binary length (UTF-8 length) and attribute value lengths".
"""

from __future__ import annotations

from typing import Any, Final

from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType

from cronstack_infra.local.moto.patch import Patch, replaced_by

LARGEST_ITEM: Final = 400 * 1024
"""In bytes."""


def _set(self: dict[str, Any], key: str, value: Any) -> None:
    others = sum(_size(name) + _size(other) for name, other in self.items() if name != key)
    if others + _size(key) + _size(value) > LARGEST_ITEM:
        raise ItemSizeTooLarge
    dict.__setitem__(self, key, value)


def _size(value: Any) -> int:
    return int(value.size()) if isinstance(value, DynamoType) else len(str(value).encode())


PATCHES: Final = (
    Patch(
        "moto.dynamodb.models.dynamo_type:LimitedSizeDict",
        "__setitem__",
        "(self, key, value)",
        "An attribute that is replaced counts twice against the largest size of an item.",
        "a_replaced_attribute_counts_twice",
        replaced_by(_set),
    ),
)
