"""Two custom resources that the CDK adds to common apps, implemented directly.

On AWS, a Lambda function in Node.js implements them, which the local cloud cannot run. ``custom_resource`` has all
other custom resources.
"""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError

from cronstack_infra.local.resources.api import api, code_of, ignore_not_found
from cronstack_infra.local.resources.resource import Properties, Resource, number


class LogRetention(Resource):
    """``log_retention`` of an L2 function: creates the log group if it is missing, and sets its retention."""

    kind = "Custom::LogRetention"
    create_only = frozenset({"LogGroupName"})

    @property
    def physical_resource_id(self) -> str:
        return str(self.properties["LogGroupName"])

    def attributes(self) -> Mapping[str, str]:
        return {"LogGroupName": self.physical_resource_id}

    def create(self) -> None:
        logs = api("logs", self.region)
        try:
            logs.create_log_group(logGroupName=self.physical_resource_id)
        except ClientError as fault:
            if code_of(fault) != "ResourceAlreadyExistsException":
                raise
        self.update({})

    def update(self, old: Properties) -> None:
        logs, name = api("logs", self.region), self.physical_resource_id
        if days := self.properties.get("RetentionInDays"):
            logs.put_retention_policy(logGroupName=name, retentionInDays=number(days))
        else:
            logs.delete_retention_policy(logGroupName=name)

    def remove(self) -> None:
        if self.properties.get("RemovalPolicy") == "destroy":
            ignore_not_found(api("logs", self.region).delete_log_group, logGroupName=self.physical_resource_id)


class S3AutoDeleteObjects(Resource):
    """``auto_delete_objects`` of an L2 bucket: empties the bucket before its deletion."""

    kind = "Custom::S3AutoDeleteObjects"
    create_only = frozenset({"BucketName"})

    def create(self) -> None:
        api("s3", self.region).head_bucket(Bucket=self.properties["BucketName"])

    def update(self, old: Properties) -> None:
        self.create()

    def remove(self) -> None:
        s3, bucket = api("s3", self.region), self.properties["BucketName"]
        try:
            pages = list(s3.get_paginator("list_object_versions").paginate(Bucket=bucket))
        except ClientError as fault:
            if code_of(fault) == "NoSuchBucket":
                return
            raise
        for page in pages:
            for version in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
