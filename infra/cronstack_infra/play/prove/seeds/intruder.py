"""An intruder in a seed: it uses all rights of ``grant_schedule`` against the job.

It writes anything into rows of plans, and makes schedules that send anything by the alias for plans.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cronstack.ledger.partitions import plan_key
from cronstack.ledger.rows import PLAN_STATUSES, STATUSES
from cronstack.occurrence import planned_id, print_time
from cronstack_infra.play.prove.log.plans import STARTED
from cronstack_infra.play.prove.models.queued import QueuedEvent, read_event
from cronstack_infra.play.prove.models.world import World
from cronstack_infra.play.prove.seeds.deliveries import Deliveries
from cronstack_infra.play.store.store import Item

SPAN: Final = 600_000
"""Milliseconds in which the intruder acts."""
DAY: Final = 86_400_000
NEVER: Final = 253_402_300_799_000
"""Epoch milliseconds: the last second of the year 9999."""
GARBAGE: Final[tuple[dict[str, Any], ...]] = (
    {"S": ""},
    {"S": "garbage"},
    {"S": "[" * 100_000},
    {"S": "5"},
    {"S": '{"input": NaN}'},
    {"S": '"\\ud800"'},
    {"N": "-1"},
    {"N": "1.5"},
    {"N": "9999999999999999"},
    {"BOOL": True},
    {"NULL": True},
    {"M": {"S": {"S": STARTED}}},
    {"L": []},
)
ATTRIBUTES: Final = ("status", "revision", "due", "payload", "asked", "moves", "event", "listed", "ttl", STARTED, "v")
"""The time of the start is stored under the name of the status."""


class Intruder:
    """All acts of the intruder in one world."""

    def __init__(self, world: World, deliveries: Deliveries, keys: tuple[str, ...], sent: list[QueuedEvent]) -> None:
        self.world, self.deliveries, self._keys, self._sent = world, deliveries, keys, sent

    def begin(self) -> None:
        """Draw the acts: at any time, or close to each other, so that some fall between the writes of one delivery."""
        chance = self.world.chance
        at = chance.random() * SPAN
        for _ in range(chance.choice((1, 3, 8, 20))):
            at = at + chance.random() * 3_000 if chance.random() < 0.5 else chance.random() * SPAN
            self.world.call_later(at, self._write if chance.random() < 0.6 else self._send)

    # -- rows ----------------------------------------------------------------------------------------------------------
    def _write(self) -> None:
        """Write some attributes of a plan, and remove others."""
        world, chance = self.world, self.world.chance
        name = chance.choice(self._keys)
        key = plan_key("stats", name)
        place = (key["pk"]["S"], key["sk"]["S"])
        item: Item = dict(world.store.items.get(place, key))
        for attribute in chance.choices(ATTRIBUTES, k=chance.choice((1, 1, 2, 4))):
            kind = chance.random()
            if kind < 0.15:
                item.pop(attribute, None)
            elif kind < 0.4:
                item[attribute] = chance.choice(GARBAGE)
            else:
                item[attribute] = self._value(attribute, name, item)
        if chance.random() < 0.2:
            item |= self._plan(name)
        world.count("intruder", "wrote a plan")
        world.add_trace("intruder", f"writes {name}: {str(item)[:300]}")
        world.store.items[place] = item
        self.deliveries.observer.observe_intruder(planned_id(name), item)

    def _value(self, attribute: str, name: str, item: Item) -> dict[str, Any]:
        """Return a value of the right type."""
        chance, now = self.world.chance, self.world.now
        match attribute:
            case "status":
                return {"S": chance.choice((*PLAN_STATUSES, *PLAN_STATUSES, *STATUSES))}
            case "revision":
                return {"N": str(self._revision(item))}
            case _ if attribute in ("due", STARTED):
                return {"N": str(chance.choice((0, now, now - DAY, now + 5_000, now + 90 * DAY, NEVER)))}
            case "ttl":
                return {"N": str(chance.choice((1, now // 1000, NEVER // 1000)))}
            case "v" | "moves":
                return {"N": str(chance.choice((0, 1, 2, 99)))}
            case "event":
                other = chance.choice(self._keys)
                event = self._event(chance.choice((name, name, other)), item)
                forged = self._sent[0].body if self._sent else event
                return {"S": json.dumps(chance.choice((event, event, forged, event | self._operators())))}
            case _:
                return {"S": chance.choice(("", "plan#stats#0", "open#job#stats", "x"))}

    def _revision(self, item: Mapping[str, Any]) -> int:
        """Return the revision of the row, or one close to it."""
        text = str(item.get("revision", {}).get("N", ""))
        now = int(text) if text.isdigit() else self.world.now
        return max(0, now + self.world.chance.choice((-1, 0, 0, 1, 5_000)))

    def _plan(self, name: str) -> Item:
        """Return a complete plan, as application code would write it."""
        due = self.world.now + self.world.chance.choice((1_000, 30_000))
        item = {"revision": {"N": str(self.world.now)}}
        event = self._event(name, item) | {"scheduled": print_time(due), "revision": self.world.now}
        return item | {
            "status": {"S": "planned"},
            "due": {"N": str(due // 1000 * 1000)},
            "event": {"S": json.dumps(event)},
        }

    # -- events --------------------------------------------------------------------------------------------------------
    def _event(self, name: str, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the event of a plan, or a similar one."""
        chance, now = self.world.chance, self.world.now
        text = str(item.get("due", {}).get("N", ""))
        known = int(text) if text.isdigit() and int(text) <= NEVER else now
        due = chance.choice((known, known, known, now, now - 100 * DAY, now - 600_000, now + DAY, NEVER))
        event = {"cronstack": 1, "job": "stats", "scheduled": print_time(due), "key": name, "input": {}}
        event["revision"] = self._revision(item)
        if chance.random() < 0.2:
            event["input"] = {"n": chance.choice((1, 2, 3))}
        return event

    def _operators(self) -> dict[str, Any]:
        """Return the members that make an event an operator's."""
        return {"by": "operator", "kind": "redrive", "redrive": 1, "requested": print_time(self.world.now)}

    def _send(self) -> None:
        """Send an event by the alias for plans, as a schedule of the intruder does."""
        world, chance = self.world, self.world.chance
        name = chance.choice(self._keys)
        key = plan_key("stats", name)
        body = self._event(name, world.store.items.get((key["pk"]["S"], key["sk"]["S"]), {}))
        forged: tuple[dict[str, Any], ...] = (
            body,
            body,
            body | {"carrier": 0},
            body | self._operators(),
            {**chance.choice(self._sent).body} if self._sent else {},
            {name: value for name, value in body.items() if name not in ("key", "revision")},
            body | {chance.choice(tuple(body)): chance.choice((None, [], {}, -1, "x", True, 1 << 70))},
            {"by": "operator"} | body,
        )
        event = read_event(chance.choice(forged))
        event.alias = event.forged = True
        world.count("intruder", "sent an event")
        world.add_trace("intruder", f"sends {event.body}")
        self.deliveries.accept(event)
