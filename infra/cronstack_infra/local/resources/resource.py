"""The base class of our CloudFormation types: a name, properties, and methods to create, update and remove.

It adapts them to the class methods that moto's CloudFormation calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError

Properties = dict[str, Any]


class Resource(ABC):
    """One resource of a stack. Each update creates a new object, with the physical name of the first one."""

    kind: ClassVar[str]
    name_property: ClassVar[str] = ""
    create_only: ClassVar[frozenset[str]] = frozenset()
    longest_name: ClassVar[int] = 255
    fifo_property: ClassVar[str] = ""
    """The property whose value true gives generated names the suffix .fifo."""

    @classmethod
    def replaced_by(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
        """Return the changed properties, in addition to ``create_only``, that need a new resource."""
        return set()

    def __init__(self, name: str, properties: Properties, account: str, region: str) -> None:
        self.name = name
        self.properties = properties
        self.account = account
        self.region = region

    @classmethod
    def why_not(cls, properties: Mapping[str, Any]) -> str | None:
        """Return why a resource of a template, before evaluation, is not supported; None if it is."""
        return None

    @abstractmethod
    def create(self) -> None:
        """Create the resource, or raise an exception."""

    @abstractmethod
    def update(self, old: Properties) -> None:
        """Update the resource from the ``old`` properties to the current ones."""

    @abstractmethod
    def remove(self) -> None:
        """Delete the resource. A second call has no effect."""

    @property
    def physical_resource_id(self) -> str:
        """Return the value of Ref."""
        return self.name

    def attributes(self) -> Mapping[str, str]:
        """Return the values of Fn::GetAtt, by attribute."""
        return {}

    # Methods that moto calls

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.kind

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True  # get_cfn_attribute raises for an unknown attribute

    def get_cfn_attribute(self, attribute: str) -> str:
        if attribute not in self.attributes():
            raise UnformattedGetAttTemplateException
        return self.attributes()[attribute]

    def is_created(self) -> bool:
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Resource:
        resource = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        resource.create()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Resource,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Resource:
        resource = cls(original_resource.name, cloudformation_json["Properties"], account_id, region_name)
        resource.update(original_resource.properties)
        return resource

    def delete(self, account_id: str, region_name: str) -> None:
        self.remove()


def already_exists(kind: str, name: str) -> ValidationError:
    """Return CloudFormation's error for a physical name that exists."""
    return ValidationError(message=f"Resource of type '{kind}' with identifier '{name}' already exists.")


def number(value: Any) -> int | float:
    """Return a number of a template, which may be a string."""
    if isinstance(value, str):
        return float(value) if "." in value else int(value)
    return value  # type: ignore[no-any-return]  # a template's value is Any


def boolean(value: Any) -> bool:
    """Return a Boolean of a template, which may be a string."""
    return value is True or str(value).lower() == "true"


def tags_of(properties: Properties) -> dict[str, str]:
    """Return tags as a mapping. A type has them as a mapping or as a list."""
    tags = properties.get("Tags") or {}
    return dict(tags) if isinstance(tags, dict) else {tag["Key"]: str(tag["Value"]) for tag in tags}
