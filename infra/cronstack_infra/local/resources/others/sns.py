"""Topics and their subscriptions. moto updates a topic by creating it again, without its subscriptions."""

from __future__ import annotations

import json
from typing import Any

from moto.sns.models import sns_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.moto import privates
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, tags_of

_SETTINGS = ("RawMessageDelivery", "DeliveryPolicy", "FilterPolicyScope", "FilterPolicy", "RedrivePolicy")
"""Attributes of a subscription, the scope before the policy: moto validates the policy by its scope."""


class Topic(Resource):
    """A topic. Ref returns its ARN."""

    kind = "AWS::SNS::Topic"
    name_property = "TopicName"
    create_only = frozenset({"TopicName", "FifoTopic"})
    longest_name = 256
    fifo_property = "FifoTopic"

    @property
    def _backend(self) -> Any:
        return sns_backends[self.account][self.region]

    @property
    def physical_resource_id(self) -> str:
        return f"arn:{get_partition(self.region)}:sns:{self.region}:{self.account}:{self.name}"

    def attributes(self) -> dict[str, str]:
        return {"TopicArn": self.physical_resource_id, "TopicName": self.name}

    def create(self) -> None:
        if self.physical_resource_id in self._backend.topics:
            raise already_exists(self.kind, self.name)
        fifo = {"FifoTopic": "true"} if boolean(self.properties.get("FifoTopic", False)) else {}
        self._backend.create_topic(self.name, fifo, tags_of(self.properties))
        self._set({})

    def update(self, old: Properties) -> None:
        self._set(old)

    def remove(self) -> None:
        self._backend.delete_topic(self.physical_resource_id)

    def _set(self, old: Properties) -> None:
        properties, topic = self.properties, self._backend.get_topic(self.physical_resource_id)
        topic.display_name = properties.get("DisplayName", "")
        topic.kms_master_key_id = properties.get("KmsMasterKeyId", "")
        topic.content_based_deduplication = str(properties.get("ContentBasedDeduplication", "false")).lower()
        privates.set_topic_tags(topic, tags_of(properties))
        before, after = _inline(old), _inline(properties)
        for protocol, endpoint in before - after:
            subscription = privates.find_subscription(self._backend, topic.arn, endpoint, protocol)
            if subscription is not None:
                self._backend.unsubscribe(subscription.arn)
        for protocol, endpoint in after - before:
            self._backend.subscribe(topic.arn, endpoint, protocol)


def _inline(properties: Properties) -> set[tuple[str, str]]:
    return {(subscription["Protocol"], subscription["Endpoint"]) for subscription in properties.get("Subscription", [])}


class Subscription(Resource):
    """A subscription. Ref returns its ARN, which SNS generates."""

    kind = "AWS::SNS::Subscription"
    create_only = frozenset({"Endpoint", "Protocol", "TopicArn"})

    _arn = ""

    @property
    def physical_resource_id(self) -> str:
        return self._arn

    def create(self) -> None:
        backend = sns_backends[self.account][self.region]
        subscription = backend.subscribe(
            topic_arn=self.properties["TopicArn"],
            endpoint=self.properties["Endpoint"],
            protocol=self.properties["Protocol"],
        )
        self._arn = subscription.arn
        self._set({})

    def update(self, old: Properties) -> None:
        backend = sns_backends[self.account][self.region]
        subscription = privates.find_subscription(
            backend, self.properties["TopicArn"], self.properties["Endpoint"], self.properties["Protocol"]
        )
        if subscription is None:
            self.create()
            return
        self._arn = subscription.arn
        self._set(old)

    def remove(self) -> None:
        sns_backends[self.account][self.region].unsubscribe(self._arn)

    def _set(self, old: Properties) -> None:
        backend = sns_backends[self.account][self.region]
        for name in _SETTINGS:
            value: Any = self.properties.get(name)
            if value is None and name not in old:
                continue
            text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
            backend.set_subscription_attributes(self._arn, name, text)
