"""Policies of queues, topics and buckets."""

from __future__ import annotations

import json

from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.moto import privates
from cronstack_infra.local.resources.ours.records import Record
from cronstack_infra.local.resources.resource import Properties, Resource


class QueuePolicy(Resource):
    """A policy, set for each of its queues."""

    kind = "AWS::SQS::QueuePolicy"

    def attributes(self) -> dict[str, str]:
        return {"Id": self.name}

    def create(self) -> None:
        for queue in self._names(self.properties):
            backend = sqs_backends[self.account][self.region]
            backend.get_queue(queue).policy = json.dumps(self.properties["PolicyDocument"])

    def update(self, old: Properties) -> None:
        self._clear(set(self._names(old)) - set(self._names(self.properties)))
        self.create()

    def remove(self) -> None:
        self._clear(set(self._names(self.properties)))

    def _clear(self, names: set[str]) -> None:
        queues = sqs_backends[self.account][self.region].queues
        for name in names & set(queues):
            queues[name].policy = None

    @staticmethod
    def _names(properties: Properties) -> list[str]:
        return [url.rpartition("/")[2] for url in properties["Queues"]]


class TopicPolicy(Resource):
    """A policy, set for each of its topics."""

    kind = "AWS::SNS::TopicPolicy"

    def attributes(self) -> dict[str, str]:
        return {"Id": self.name}

    def create(self) -> None:
        for arn in self.properties["Topics"]:
            topic = sns_backends[self.account][self.region].get_topic(arn)
            topic.policy = json.dumps(self.properties["PolicyDocument"])

    def update(self, old: Properties) -> None:
        self._clear(set(old["Topics"]) - set(self.properties["Topics"]))
        self.create()

    def remove(self) -> None:
        self._clear(set(self.properties["Topics"]))

    def _clear(self, arns: set[str]) -> None:
        backend = sns_backends[self.account][self.region]
        for arn in arns & set(backend.topics):
            topic = backend.topics[arn]
            privates.set_default_topic_policy(topic, self.region, self.account)


class BucketPolicy(Record):
    """A policy of a bucket, stored only. moto ignores the Condition of bucket policies, so the bootstrap stack's
    deny-insecure rule would reject every upload with 403."""

    kind = "AWS::S3::BucketPolicy"
    create_only = frozenset({"Bucket"})

    def create(self) -> None:
        s3_backends[self.account][get_partition(self.region)].get_bucket(self.properties["Bucket"])

    @property
    def physical_resource_id(self) -> str:
        return str(self.properties["Bucket"])
