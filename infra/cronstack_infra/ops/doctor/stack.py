"""The deployed template with its intrinsic functions evaluated, as far as the names of the resources suffice. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Properties = Mapping[str, Any]


class Unknown:
    """A value that cannot be computed from the template and the names of the resources. No difference is reported."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()

_ARNS: Final = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::DynamoDB::GlobalTable": "dynamodb:{region}:{account}:table/{id}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{id}",
    "AWS::IAM::Role": "iam::{account}:role/{id}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{id}:*",
    "AWS::S3::Bucket": "s3:::{id}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{last}",
    "AWS::Scheduler::ScheduleGroup": "scheduler:{region}:{account}:schedule-group/{id}",
}
"""The attribute Arn of a type, by its physical id."""
_DYNAMIC: Final = "{{resolve:"
_VARIABLE: Final = re.compile(r"\$\{([^!}]+)\}")


@dataclass(frozen=True)
class Resource:
    """A deployed resource of the template."""

    logical: str
    kind: str
    """CloudFormation's type, such as "AWS::Lambda::Function"."""
    id: str
    """Physical id."""
    properties: Properties
    """Values of the template. A value that is not known is ``UNKNOWN``."""


@dataclass(frozen=True)
class DeployedStack:
    """A stack as CloudFormation describes it."""

    name: str
    arn: str
    status: str
    template: Mapping[str, Any]
    ids: Mapping[str, str]
    """Physical ids by logical id."""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """Yield the deployed resources of some types, or of all."""
        for logical, resource in self.template.get("Resources", {}).items():
            if logical in self.ids and (not kinds or resource["Type"] in kinds):
                properties = {name: self.value(part) for name, part in resource.get("Properties", {}).items()}
                kept = {name: value for name, value in properties.items() if value is not None}
                yield Resource(logical, resource["Type"], self.ids[logical], kept)

    def value(self, part: Any) -> Any:
        """Return a part of the template with its functions evaluated; None for AWS::NoValue."""
        if isinstance(part, list | tuple):
            return [value for item in part if (value := self.value(item)) is not None]
        if isinstance(part, str):
            return UNKNOWN if _DYNAMIC in part else part
        if not isinstance(part, Mapping):
            return part
        if len(part) == 1:
            ((name, argument),) = part.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._evaluated(name, argument)
        return {name: value for name, item in part.items() if (value := self.value(item)) is not None}

    def _evaluated(self, name: str, argument: Any) -> Any:
        if name == "Ref":
            return self._ref(argument)
        if name == "Fn::GetAtt":
            return self._attribute(*(argument if isinstance(argument, list) else argument.split(".", 1)))
        if name == "Fn::Join":
            parts = self.value(argument[1])
            return UNKNOWN if _has_unknown(parts) else argument[0].join(map(str, parts))
        if name == "Fn::Sub":
            return self._substituted(argument)
        if name == "Fn::Split":
            text = self.value(argument[1])
            return text.split(argument[0]) if isinstance(text, str) else UNKNOWN
        if name == "Fn::Select":
            items, number = self.value(argument[1]), int(argument[0])
            return items[number] if isinstance(items, list) and number < len(items) else UNKNOWN
        return UNKNOWN

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::NoValue": None,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.arn,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        return self.ids.get(name, self.parameters.get(name, UNKNOWN))

    def _attribute(self, logical: str, attribute: str) -> Any:
        kind = self.template.get("Resources", {}).get(logical, {}).get("Type")
        id = self.ids.get(logical)
        if id is None:
            return UNKNOWN
        if attribute in ("QueueName", "TopicName"):
            return re.split("[:/]", id)[-1]
        if kind == "AWS::SNS::Topic" and attribute == "TopicArn":
            return id
        form = _ARNS.get(str(kind)) if attribute == "Arn" else None
        if form is None:
            return UNKNOWN
        last = id.rpartition("/")[2]
        return f"arn:{self.partition}:" + form.format(region=self.region, account=self.account, id=id, last=last)

    def _substituted(self, argument: Any) -> Any:
        text, extra = (argument, {}) if isinstance(argument, str) else argument
        values: dict[str, Any] = {}
        for name in _VARIABLE.findall(text):
            if name in extra:
                values[name] = self.value(extra[name])
            else:
                values[name] = self._attribute(*name.split(".", 1)) if "." in name else self._ref(name)
        if _has_unknown(list(values.values())):
            return UNKNOWN
        return _VARIABLE.sub(lambda found: str(values[found[1]]), text)


def _has_unknown(parts: Any) -> bool:
    return not isinstance(parts, list) or any(isinstance(part, Unknown) for part in parts)
