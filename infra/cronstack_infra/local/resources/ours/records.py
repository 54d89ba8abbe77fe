"""Types without any effect, on AWS, too. They are only recorded."""

from __future__ import annotations

from cronstack_infra.local.resources.resource import Properties, Resource


class Record(Resource):
    """A resource without any effect."""

    def create(self) -> None:
        pass

    def update(self, old: Properties) -> None:
        pass

    def remove(self) -> None:
        pass


class CdkMetadata(Record):
    """The CDK's report of the versions of its libraries."""

    kind = "AWS::CDK::Metadata"


class WaitConditionHandle(Record):
    """A placeholder that the CDK adds to an otherwise empty stack."""

    kind = "AWS::CloudFormation::WaitConditionHandle"
