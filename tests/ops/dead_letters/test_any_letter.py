"""For any letters, a redrive sends only events that the ledger and the deployed schedules confirm."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest

from cronstack import cron, once
from cronstack.event import parse_event, planned_event
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import plan_key, run_key
from cronstack.occurrence import payload_hash, planned_id, print_time, scheduled_id
from cronstack_infra.ops.dead_letters.redriving import redrive
from tests.cronstack.stage import NOON, TABLE, by_operator, event_of, scheduled_event
from tests.ops.shop import ROLE, SCHEDULER_ROLE, Shop, role_arn

HOUR = 3_600_000
OWN = {"own": "of the schedule"}
FORGED = {"forged": True}
TRIGGER, UNKNOWN = "m-01KDWABCDEFGHJKMNPQRSTVWXY", "m-01KDWABCDEFGHJKMNPQRSTVWXZ"
REVISION = NOON - 24 * HOUR
INPUTS = (FORGED, FORGED, {}, OWN, {"a": 0}, {"a": 1}, {"a": 3})
TIMES = (*(NOON - hours * HOUR for hours in range(8)), NOON + HOUR, NOON + 300 * HOUR, NOON - 1000, NOON - 500 * HOUR)
KEYS = ("ran", "planned", "later", "cancelled", "unknown")


class World:
    """A ledger with rows of many kinds. ``allowed``: input and due time of all occurrences that may be sent."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        shop.deploy(lambda run: None, "cron(0 * * * ? *)", schedule=[cron("0 * * * *"), once()], input=OWN)
        shop.deploy(lambda run: None, name="other")
        self.allowed = {scheduled_id(NOON - hours * HOUR): (OWN, NOON - hours * HOUR) for hours in range(17 * 24)}
        self.redrives: dict[str, int] = {}
        self.sent: list[dict[str, Any]] = []
        self._runs()
        self._plans()

    def _runs(self) -> None:
        generation = by_operator(NOON - 6 * HOUR, "backfill", requested=NOON - HOUR, generation=2)
        planned = json.loads(planned_event("stats", "ran", REVISION, due=NOON - 7 * HOUR, input={"a": 2}))
        trigger = {"by": "operator", "kind": "trigger", "requested": print_time(NOON), "occurrence": TRIGGER}
        self._run("dead", scheduled_event(NOON - 3 * HOUR, input={"a": 0}))
        self._run("succeeded", scheduled_event(NOON - 4 * HOUR, input={"a": 0}))
        self._run("crashed", scheduled_event(NOON, input={"a": 1}) | trigger)
        self._run("retrying", planned)
        self._run("dead", event_of(generation) | {"input": {"a": 4}})
        self._run("running", scheduled_event(NOON - 5 * HOUR, input=OWN), has_event=False)

    def _run(self, status: str, event: dict[str, Any], *, has_event: bool = True) -> None:
        of = parse_event(event, "stats")
        row = {"status": status, "attempt": 3, "limit": 3, "due": of.due, "payload": of.payload, "expires": NOON + HOUR}
        row |= {"event": json.dumps(event)} if has_event else {}
        row |= {"key": of.key, "revision": of.revision} if of.key else {}
        self._put(run_key("stats", of.id), row)
        self.allowed.pop(of.id, None)
        if status != "succeeded":
            self.allowed[of.id] = (of.input, of.due)
        if status == "dead":
            self.redrives[of.id] = 3

    def _plans(self) -> None:
        for key, status, due in (
            ("planned", "planned", NOON - HOUR),
            ("later", "planned", NOON + HOUR),
            ("cancelled", "cancelled", NOON - HOUR),
        ):
            event = planned_event("stats", key, REVISION, due=due, input={"a": 3})
            row = {"status": status, "due": due, "revision": REVISION, "event": event}
            row |= {"payload": payload_hash({"a": 3})}
            self._put(plan_key("stats", key), row)
        self.allowed[planned_id("planned")] = ({"a": 3}, NOON - HOUR)

    def _put(self, key: dict[str, Any], row: dict[str, Any]) -> None:
        item = key | {name: encode(value) for name, value in row.items()}
        self.shop.stage.dynamodb.put_item(TableName=TABLE, Item=item)

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:
        """Check an event. Write a run for a scheduled time without a run; else leave the ledger unchanged."""
        assert FunctionName == "shop-stats"
        event = json.loads(Payload)
        self.check(event)
        self.sent.append(event)
        of = parse_event(event, "stats")
        if of.id.startswith("t-") and self.shop.stage.item(f"run#{of.id}") == {}:
            self._run("succeeded", event)
        return {"StatusCode": 202, "Payload": io.BytesIO(b'{"cronstack": "duplicate"}')}

    def check(self, event: dict[str, Any]) -> None:
        of = parse_event(event, "stats")
        assert of.id in self.allowed, event
        assert (of.input, of.due) == self.allowed[of.id], event
        assert of.redrive in (None, self.redrives.get(of.id)), event
        assert of.requested is not None
        assert of.requested <= self.shop.stage.now, event
        assert of.revision == (REVISION if of.key else None), event


def letter(chance: random.Random) -> object:
    """Return the body of a letter: mostly a forged event, in one of the four shapes."""
    event: Any = scheduled_event(chance.choice(TIMES), input=chance.choice(INPUTS))
    if chance.random() < 0.5:
        event |= {"by": "operator", "kind": chance.choice(("redrive", "backfill", "trigger"))}
        event |= {"requested": print_time(chance.choice(TIMES))}
        event |= {"occurrence": chance.choice((TRIGGER, UNKNOWN))} if chance.random() < 0.5 else {}
        event |= {"redrive": chance.randint(1, 9)} if chance.random() < 0.5 else {}
        event |= {"generation": chance.randint(2, 3)} if chance.random() < 0.5 else {}
    if chance.random() < 0.4:
        event |= {"key": chance.choice(KEYS), "revision": chance.choice((REVISION, REVISION, 1, NOON))}
        event |= {"kind": "redrive"} if "by" in event else {}
        event.pop("occurrence", None)
    event |= {"carrier": chance.randint(0, 9)} if chance.random() < 0.2 else {}
    if chance.random() < 0.1:
        event[chance.choice(sorted(event))] = chance.choice((None, 1, "x", [], {}))
    shape = chance.randrange(4)
    if shape == 0:
        return {"FunctionName": "shop-stats", "Payload": json.dumps(event)}
    if shape == 1:
        context = {"condition": chance.choice(("RetriesExhausted", "Refused")), "functionArn": "a:b:c:d:e:f:shop-stats"}
        return {"requestContext": context, "requestPayload": event, "cronstack": {"attempt": 7}, "responsePayload": {}}
    return event


@pytest.mark.parametrize("seed", range(3))
def test_only_events_that_the_ledger_or_the_schedules_confirm_are_sent(shop: Shop, seed: int) -> None:
    world, chance = World(shop), random.Random(seed)
    shop.functions.invoke = world.invoke  # type: ignore[method-assign]
    senders = (SCHEDULER_ROLE, ROLE, role_arn("shop-stats"), role_arn("shop-other"), "AROAGONE:s", "AIDAANN")
    for _ in range(3):
        for _ in range(25):
            with shop.sent_by(chance.choice(senders)):
                queue = chance.choice((shop.delivery, shop.stage.queue))
                shop.stage.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(letter(chance)))
        options = {"any_sender": chance.random() < 0.5, "poll": 0}
        results = list(
            redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=lambda seconds: None, **options)  # type: ignore[arg-type]
        )
        assert len(results) >= 25
        assert all(result.remedy for result in results if not result.accepted)
    reached = {parse_event(event, "stats").id for event in world.sent}
    print(f"seed {seed}: {len(world.sent)} events of {len(reached)} occurrences")
    assert len(reached) >= 4, "the letters must reach several occurrences"
