"""The body of Scheduler's letters has no documented shape: each possible shape is redriven."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from cronstack.run import Run
from cronstack_infra.ops.dead_letters.redriving import redrive
from cronstack_infra.ops.dead_letters.unwrapping import unwrap
from tests.cronstack.stage import occurrence, scheduled_event
from tests.ops.shop import Shop

EVENT = scheduled_event()


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def request(payload: Any) -> dict[str, Any]:
    return {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": payload}


BODIES = {
    "an object": json.dumps(request(EVENT)),
    "JSON text": json.dumps(request(json.dumps(EVENT))),
    "JSON text in JSON text": json.dumps(request(json.dumps(json.dumps(EVENT)))),
    "base64 of JSON text": json.dumps(request(coded(json.dumps(EVENT)))),
    "base64 in JSON text": json.dumps(request(json.dumps(coded(json.dumps(EVENT))))),
    "the whole request in base64": coded(json.dumps(request(json.dumps(EVENT)))),
    "the whole request as JSON text": json.dumps(json.dumps(request(EVENT))),
    "the event alone": json.dumps(EVENT),
    "the event alone, in base64": coded(json.dumps(EVENT)),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a11_5_a_letter_of_scheduler_is_redriven_whatever_its_shape(shop: Shop, body: str) -> None:
    """Not documented: the shape of a letter for a Lambda target. Base64, JSON text and an object are all read."""
    ran = list[str]()

    def stats(run: Run) -> None:
        ran.append(run.occurrence)

    shop.deploy(stats, "cron(0 * * * ? *)")
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=body)
    (result,) = redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0)
    assert (result.accepted, result.letter.job, ran) == (True, "stats", [occurrence().id]), result.detail


@pytest.mark.parametrize(
    "body", ["", "null", "1234", "abcd", '"abcd"', "YWJj", "MTIz", '["a"]', coded("[1]"), "=", "ü"]
)
def test_a_body_without_an_object_stays_as_it_is(body: str) -> None:
    contents = unwrap(body, {}, "delivery", "shop")
    assert (contents.job, contents.occurrence) == ("", None)
    assert contents.event in (body, json.loads(body) if body in ("null", "1234", '"abcd"', '["a"]') else body)


def test_a_payload_without_an_event_has_the_job_of_its_function(shop: Shop) -> None:
    contents = unwrap(json.dumps(request("aGVsbG8=")), {}, "delivery", "shop")
    assert (contents.job, contents.event) == ("stats", "aGVsbG8=")
