"""A planner that writes whatever its permissions allow: any attribute of any plan of its job, any event by the alias.

Guaranteed, whatever it writes:

  - No existing run or lease changes.
  - No handler runs for an occurrence other than a key's, and none twice for one key.
  - The runtime answers with one of ``OUTCOMES``, or raises a documented fault. Any other exception is a bug.

Each round plans its own keys, and tampers with the keys of existing runs. Policies prevent the rest (see
``tests/infra/aws``): other partitions, carriers, the function without its alias.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from cronstack.declaration import Job
from cronstack.errors import OutOfTime, Unavailable
from cronstack.event import operator_event, planned_event
from cronstack.ledger.partitions import open_lists, plan_key, plan_partition, run_key
from cronstack.ledger.rows import OUTCOMES
from cronstack.occurrence import payload_hash, planned_id, scheduled_id
from cronstack.run import Run
from cronstack.runtime import Invocation
from cronstack_infra.local.dynamodb import conditions, numbers, transactions
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters
from tests.cronstack.guard.plans.keys import kill_after
from tests.cronstack.stage import NOON, TABLE, Context, Stage, job, scheduled_event
from tests.cronstack.test_runtime_plans import FORGED, ByAlias

ROUNDS = 20
DAY = 86_400_000
EXISTING: Mapping[str, dict[str, Any]] = {
    "succeeded": {"status": "succeeded", "attempt": 1, "result": "1"},
    "missed": {"status": "missed", "reason": "too_late"},
    "skipped": {"status": "skipped", "reason": "overlap"},
    "dead": {"status": "dead", "attempt": 3, "reason": "Permanent", "reported": NOON, "error": "{}"},
    "running": {"status": "running", "attempt": 1, "expires": NOON + 400 * DAY},
    "retrying": {"status": "retrying", "attempt": 1, "after": NOON + 400 * DAY, "error": "{}"},
}
"""Runs that nothing may change: they are final, running or retrying. Only a missed one may be planned again."""


@pytest.fixture
def strict_stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage with DynamoDB's own rules for conditions and numbers, for values of any type."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    clock = datetime(2026, 3, 1, tzinfo=UTC)
    apply((*conditions.PATCHES, *transactions.PATCHES, *numbers.PATCHES), PatchParameters(now=lambda: clock))
    try:
        with mock_aws():
            yield Stage()
    finally:
        unpatch()


class Hostile:
    """One planner, the job that it plans, and the results of its keys."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.random = stage, random.Random(seed)
        self.ran: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.job: Job = job(self._work, start_deadline=3600)
        self._write_existing()
        self.before = self._rows()

    def _work(self, run: Run) -> None:
        self.ran[run.occurrence] += 1

    def _write_existing(self) -> None:
        """Write the rows that exist before the planner starts."""
        put = self.stage.change
        put("lease", holder="01OLD", occurrence=scheduled_id(NOON), expires=NOON + 400 * DAY, fence=7, beats=0, v=1)
        put("lease", job="other", fence=7, v=1)
        common = {"holder": "01OLD", "fence": 7, "due": NOON, "limit": 3, "payload": payload_hash({}), "v": 1}
        for number, (name, run) in enumerate(EXISTING.items()):
            put(f"run#{scheduled_id(NOON + number * 1000)}", **(common | run))
            put(f"run#{planned_id(name)}", **(common | run | {"key": name, "revision": NOON}))
            put(f"run#{planned_id(name)}", job="other", **(common | run | {"key": name, "revision": NOON}))

    def _rows(self) -> dict[tuple[str, str], Any]:
        """Return all rows except plans."""
        rows = self.stage.dynamodb.scan(TableName=TABLE)["Items"]
        keys = {(row["pk"]["S"], row["sk"]["S"]): row for row in rows}
        return {key: row for key, row in keys.items() if not key[0].startswith("plan#")}

    # -- actions of the planner ----------------------------------------------------------------------------------------
    def plan(self, key: str, revision: int, due: int) -> dict[str, Any]:
        """Write a plan, tampered with in some attributes. Return its own event."""
        event = planned_event("stats", key, revision, due=due, input={})
        row: dict[str, Any] = {
            "status": {"S": "planned"},
            "revision": {"N": str(revision)},
            "due": {"N": str(due)},
            "event": {"S": event},
            "listed": {"S": plan_partition("stats", key)},
            "payload": {"S": payload_hash({})},
            "v": {"N": "1"},
        }
        names = [*row, "begun", "ttl", "asked", "moves", "holder", "expires", "fence", "key", "reason", "x"]
        for name in self.random.sample(names, self.random.choice((0, 0, 0, 1, 2, 5))):
            value = self._index_value(name) if name in ("listed", "due") else self._value(event)
            row = {**row, name: value} if value is not None else {n: v for n, v in row.items() if n != name}
        self.stage.dynamodb.put_item(TableName=TABLE, Item=row | plan_key("stats", key))
        fields: dict[str, Any] = json.loads(event)
        return fields

    def _index_value(self, name: str) -> dict[str, Any] | None:
        """Return a key of the index. DynamoDB refuses any other type."""
        if name == "due":
            return self.random.choice([None, *({"N": str(n)} for n in (0, -1, 10**15, 10**37, NOON, NOON + 0.5))])
        return self.random.choice([None, *({"S": text} for text in ("x", *open_lists("stats", by_code=True)[:2]))])

    def _value(self, event: str) -> dict[str, Any] | None:
        forged = json.dumps(self.random.choice([*FORGED.values()]))
        texts = ("", "planned", "begun", "missed", "cancelled", "running", "succeeded", "1", "{", "[" * 5_000, "null")
        texts += ('"text"', "[]", "\ud7ff", event, event.replace("stats", "other"), forged, "1" * 5_000)
        numbers_ = (0, 1, 2, -1, NOON, NOON + 1, 2**53, 10**16, 10**37, 0.5, "1E-120", "9E+125")
        others = ({"BOOL": True}, {"NULL": True}, {"B": b"\xff"}, {"SS": ["a"]}, {"NS": ["1"]}, {"L": []})
        values = [{"S": text} for text in texts] + [{"N": str(number)} for number in numbers_]
        return self.random.choice([None, *values, *others, {"M": {"status": {"S": "planned"}}}])

    def event(self, own: dict[str, Any]) -> Any:
        """Return an event that the planner's schedule may send."""
        fields: dict[str, Any] = dict(own)
        kind = self.random.random()
        if kind < 0.5:
            return fields
        if kind < 0.6:
            return self.random.choice([*FORGED.values()])
        if kind < 0.7:
            return operator_event(
                "stats",
                "redrive",
                due=NOON,
                requested=self.stage.now,
                input={},
                key=own["key"],
                revision=NOON,
                redrive=3,
            )
        pool = (None, "", "x", 0, -1, 1, NOON, NOON + 1, 2**53, 1.5, True, [], {}, {"a": 1}, "operator", "trigger")
        pool += ("2026-01-01T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "k-" + "0" * 32, "other")
        names = (*fields, "carrier", "by", "kind", "generation", "redrive", "requested", "occurrence", "x")
        for name in self.random.sample(names, self.random.choice((1, 1, 2))):
            fields[name] = self.random.choice(pool)
        return fields

    # -- results -------------------------------------------------------------------------------------------------------
    def invoke(self, event: Any, context: Any) -> None:
        try:
            answer = Invocation(self.job, event, context, self.stage.shell()).work()
        except (Unavailable, OutOfTime) as fault:
            self.outcomes[type(fault).__name__] += 1
        except KeyboardInterrupt:
            self.outcomes["killed"] += 1
        else:
            assert answer["cronstack"] in OUTCOMES
            self.outcomes[answer.get("reason") if answer["cronstack"] == "refused" else answer["cronstack"]] += 1
        finally:
            self.stage.faults.clear()

    def carriers(self) -> None:
        """Fire the carriers, three times."""
        for _ in range(3):
            for carrier in self.stage.carriers():
                assert "key" in carrier.event, "a carrier has an event without a key"
                assert carrier.event["job"] == "stats"
                if carrier.after < DAY:
                    self.stage.now += max(0, carrier.after)
                    self.invoke(carrier.event, Context(self.stage))

    def round(self, number: int) -> None:
        self.stage.now = NOON + number * 100_000
        keys = [f"{number}-a", f"{number}-b", self.random.choice([*EXISTING])]
        own: list[dict[str, Any]] = []
        for _ in range(6):
            if not own or self.random.random() < 0.5:
                revision = NOON + self.random.choice((0, number, number + 1))
                due = self.stage.now // 1000 * 1000 + self.random.choice((0, 0, 60_000, -4_000_000, -20 * DAY))
                own.append(self.plan(self.random.choice(keys), revision, due))
            if self.random.random() < 0.1:
                self.stage.fail("UpdateItem", kill_after)
            self.invoke(self.event(self.random.choice(own)), ByAlias(self.stage))
        self.carriers()

    def check(self) -> None:
        rows = self._rows()
        changed = {key for key in self.before if rows.get(key) != self.before[key]}
        assert all(self._may_change(self.before[key], rows[key]) for key in changed), "a run or a lease has changed"
        for key in rows.keys() - self.before.keys():
            assert key[0].startswith("run#stats#"), key
            assert key == tuple(value["S"] for value in run_key("stats", planned_id(rows[key]["key"]["S"])).values())
        assert max(self.ran.values(), default=0) <= 1, "a key has run twice"
        assert all(occurrence.startswith("k-") for occurrence in self.ran)
        assert not self.ran.keys() & {planned_id(name) for name in EXISTING if name != "missed"}
        self.before = {key: row for key, row in rows.items() if row["sk"]["S"] == "lease" or self._is_final(row)}

    def _may_change(self, before: dict[str, Any], now: dict[str, Any]) -> bool:
        """Return whether it was missed: then its letter is sent, and a later plan may start it, once."""
        if before.get("status") != {"S": "missed"} or not before["pk"]["S"].startswith("run#stats#"):
            return False
        different = {name for name in before | now if before.get(name) != now.get(name)}
        is_letter = different <= {"holder", "expires", "reported"}
        return is_letter or int(now["revision"]["N"]) > int(before["revision"]["N"])

    def _is_final(self, row: dict[str, Any]) -> bool:
        return row["status"]["S"] in EXISTING


@pytest.mark.parametrize("seed", range(3))
def test_writes_of_a_planner_change_no_run(strict_stage: Stage, seed: int) -> None:
    hostile = Hostile(strict_stage, seed)
    for number in range(ROUNDS):
        hostile.round(number)
        hostile.check()
    assert hostile.ran, "no key ran"
    exercised = {"succeeded", "missed", "overtaken", "duplicate", "NotAPlan", "Forgotten", "BadPayload", "killed"}
    assert exercised <= hostile.outcomes.keys(), hostile.outcomes


def test_a_plan_by_the_planner_runs(strict_stage: Stage) -> None:
    """Without tampering a plan runs. So the test above does not pass only because nothing can run."""
    hostile = Hostile(strict_stage, 0)
    due = NOON + 1_000
    event = planned_event("stats", "own", NOON, due=due, input={})
    plan = {"status": "planned", "revision": NOON, "due": due, "payload": payload_hash({}), "event": event, "v": 1}
    strict_stage.change("plan#own", **plan, listed="plan#stats#0")
    hostile.invoke(json.loads(event), ByAlias(strict_stage))
    hostile.invoke(scheduled_event(), ByAlias(strict_stage))
    assert (hostile.outcomes["succeeded"], hostile.outcomes["NotAPlan"]) == (1, 1)
