"""Types that do nothing on AWS either; a record of them is all there is."""

from __future__ import annotations

from cronstack_infra.local.resources.resource import Properties, Resource


class Record(Resource):
    """Nothing stands behind it."""

    def create(self) -> None:
        pass

    def update(self, old: Properties) -> None:
        pass

    def remove(self) -> None:
        pass


class CdkMetadata(Record):
    """What the CDK reports about versions of its own libraries."""

    kind = "AWS::CDK::Metadata"


class WaitConditionHandle(Record):
    """The CDK puts one into a stack that would be empty."""

    kind = "AWS::CloudFormation::WaitConditionHandle"
