"""SNS: a subscribed function gets the record of the published message.

A subscribed queue gets the message as in moto, even if its policy does not allow SNS to send to it. On AWS that
message is lost, which is the most frequent fault with topics and queues. The user gets a note about it.

Record: "Invoking Lambda functions with Amazon SNS notifications", Lambda's developer guide. Signatures are empty,
because nothing is signed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.sqs.models import sqs_backends

from cronstack.occurrence import print_instant
from cronstack_infra.local.lookups import permissions
from cronstack_infra.local.lookups.functions import qualified
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, wrapped_with_port

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort


def _publish(
    publish: Any,
    port: EnginePort,
    self: Any,
    message: str,
    message_id: str,
    subject: str | None = None,
    message_attributes: dict[str, Any] | None = None,
    group_id: str | None = None,
    deduplication_id: str | None = None,
    message_structure: str | None = None,
) -> None:
    matcher = privates.matcher_of(self)
    if matcher is not None and not matcher.matches(message_attributes, message):
        return
    if self.protocol == "sqs" and not _queue_exists(self, port):
        return
    if self.protocol != "lambda":
        given = (message, message_id, subject, message_attributes, group_id, deduplication_id, message_structure)
        publish(self, *given)
        return
    if message_structure == "json":
        message = privates.message_for(self, message, self.protocol)
    name, _, qualifier = self.endpoint.split(":", 6)[6].partition(":")
    region = self.endpoint.split(":")[3]
    try:
        get_backend(self.account_id, region).get_function(name, qualifier or None)
    except UnknownFunctionException:
        port.note(f"SNS drops a message of {self.topic.arn}: its subscriber {self.endpoint} does not exist")
        return
    event = record(self.arn, self.topic.arn, message, message_id, subject, message_attributes or {}, port.now())
    port.accept(qualified(self.endpoint), json.dumps(event))


def _queue_exists(subscription: Any, port: EnginePort) -> bool:
    """Return whether the subscribed queue exists. Report when AWS would drop the message."""
    topic, endpoint = subscription.topic.arn, subscription.endpoint
    *_, region, account, name = endpoint.split(":")
    queue = sqs_backends[account][region].queues.get(name)
    if queue is None:
        port.note(f"SNS drops a message of {topic}: its subscriber {endpoint} does not exist")
        return False
    source = {"aws:SourceArn": topic, "aws:SourceAccount": subscription.account_id}
    verdict = permissions.lets_in(queue.policy, "sns.amazonaws.com", "sqs:SendMessage", endpoint, source)
    if not verdict.allowed:
        reason = f"its policy does not let it in, {verdict.reason}"
        port.note(f"on AWS SNS drops what {topic} sends to {endpoint}: {reason}")
    return True


def record(
    subscription: str,
    topic: str,
    message: str,
    message_id: str,
    subject: str | None,
    attributes: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """Return the function's event. ``attributes``: in moto's form, {"colour": {"Type": …, "Value": …}}."""
    notification = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic,
        "Subject": subject,
        "Message": message,
        "Timestamp": print_instant(now),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertUrl": "",
        "UnsubscribeUrl": "",
        "MessageAttributes": {
            name: {"Type": value["Type"], "Value": str(value["Value"])} for name, value in attributes.items()
        },
    }
    source = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription}
    return {"Records": [{**source, "Sns": notification}]}


PATCHES: Final = (
    Patch(
        "moto.sns.models:Subscription",
        "publish",
        "(self, message, message_id, subject=None, message_attributes=None, group_id=None, deduplication_id=None,"
        " message_structure=None)",
        "SNS passes the same example record to every function.",
        "a_topic_passes_an_example_arn_to_each_function",
        wrapped_with_port(_publish),
    ),
)
