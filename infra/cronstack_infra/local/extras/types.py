"""CloudFormation types that only unusual stacks use. They are added to the types of ``resources.table``."""

from __future__ import annotations

from typing import Final

from cronstack_infra.local.extras.composite_alarms import CompositeAlarm
from cronstack_infra.local.extras.users import Group, User, UserToGroupAddition
from cronstack_infra.local.resources.resource import Resource

EXTRA_TYPES: Final[dict[str, type[Resource]]] = {
    extra.kind: extra for extra in (CompositeAlarm, Group, User, UserToGroupAddition)
}
