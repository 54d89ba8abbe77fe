"""What every CloudFormation type of ours is: a name, properties, and how to create, update and remove it.

moto's CloudFormation asks its models for class methods with long names; they are answered here once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError

Properties = dict[str, Any]


class Resource(ABC):
    """One resource of a stack. Made anew from the template for each update, always with its first physical name."""

    kind: ClassVar[str]
    name_property: ClassVar[str] = ""
    create_only: ClassVar[frozenset[str]] = frozenset()
    longest_name: ClassVar[int] = 255
    fifo_property: ClassVar[str] = ""
    """The one that makes generated names end in .fifo."""

    @classmethod
    def replaced_by(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
        """Return the properties beside ``create_only`` whose change needs a new resource."""
        return set()

    def __init__(self, name: str, properties: Properties, account: str, region: str) -> None:
        self.name = name
        self.properties = properties
        self.account = account
        self.region = region

    @classmethod
    def why_not(cls, properties: Mapping[str, Any]) -> str | None:
        """Why a resource of a template, not yet evaluated, cannot be carried out; None when it can."""
        return None

    @abstractmethod
    def create(self) -> None:
        """Bring it about, or raise."""

    @abstractmethod
    def update(self, old: Properties) -> None:
        """Make what exists with the ``old`` properties as the present ones say."""

    @abstractmethod
    def remove(self) -> None:
        """Delete it; doing so twice is harmless."""

    @property
    def physical_resource_id(self) -> str:
        """What Ref gives."""
        return self.name

    def attributes(self) -> Mapping[str, str]:
        """What Fn::GetAtt gives."""
        return {}

    # From here on what moto calls.

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.kind

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True  # told when it is evaluated, by get_cfn_attribute

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
        made = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        made.create()
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Resource,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> Resource:
        made = cls(original_resource.name, cloudformation_json["Properties"], account_id, region_name)
        made.update(original_resource.properties)
        return made

    def delete(self, account_id: str, region_name: str) -> None:
        self.remove()


def already_exists(kind: str, name: str) -> ValidationError:
    """As CloudFormation says it when a physical name is taken."""
    return ValidationError(message=f"Resource of type '{kind}' with identifier '{name}' already exists.")


def number(value: Any) -> int | float:
    """A number of a template, where it may stand as a string."""
    if isinstance(value, str):
        return float(value) if "." in value else int(value)
    return value  # type: ignore[no-any-return]


def truth(value: Any) -> bool:
    """A boolean of a template, where it may stand as a string."""
    return value is True or str(value).lower() == "true"


def tags_of(properties: Properties) -> dict[str, str]:
    """Tags as a mapping, however the type writes them."""
    given = properties.get("Tags") or {}
    return dict(given) if isinstance(given, dict) else {tag["Key"]: str(tag["Value"]) for tag in given}
