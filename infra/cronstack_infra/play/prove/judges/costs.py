"""Costs: the requests of a delivery, by how it ends (I14). Judged where each is carried out and answered once.

                 writes that were carried out                             carriers  letters
    succeeded    claim, settlement (a commit is one)                      0         0
    retrying     claim, settlement                                        1         0
    dead         claim, settlement, note of the letter                    0         1
    skipped      its record                                               0, or 1 for what fills the slot
    missed       its record, note of the letter                           0         1
    buffered     its place                                                1         0
    duplicate    none                                                     0, or 1 as above
    deferred     none, or the event of what is worked elsewhere           1, or 2 where it makes way for the slot
                                                                                    0
    overtaken    none                                                     0, or 1 for the plan that has overtaken it

A carrier whose name is taken costs one look at its schedule. Where that has fired meanwhile, the carrier is made again;
where its time is past, under another name.

A duplicate may also have sent a dead letter that was not noted yet: two writes and the letter.

A key has one write more, that begins its plan, in the delivery that has begun it. Its own event asks the plan first and
then the run, so another delivery of it meets one refusal more, by the plan. What a carrier brings asks the run first.

An attempt after a crash costs one carrier more, which brings the next. What comes early or late costs one read more:
its answer tells the time.

A refused write shows what stands in the ledger. An invocation that met no other one is refused twice at most: by the
fence of a host whose clock is ahead, and by a state that only a refusal can show. A late one is refused once more: that
the run was started is such a state, too. It reads nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from cronstack.steps import Call
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row
from cronstack_infra.play.prove.log.records import Attempt, Invoked
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.world import EFFECTS, PLANS


class Cost(NamedTuple):
    """What was carried out, but for the write that begins a plan."""

    writes: int
    carriers: int = 0
    letters: int = 0


COSTS: Final = {
    "succeeded": (Cost(2),),
    "retrying": (Cost(2, carriers=1),),
    "dead": (Cost(3, letters=1),),
    "skipped": (Cost(1), Cost(1, carriers=1)),
    "missed": (Cost(2, letters=1),),
    "buffered": (Cost(1, carriers=1),),
    "duplicate": (Cost(0), Cost(0, carriers=1), Cost(2, letters=1)),
    "deferred": (Cost(0, carriers=1), Cost(1, carriers=1), Cost(0, carriers=2)),
    "overtaken": (Cost(0), Cost(0, carriers=1)),
}
MOST_REFUSALS: Final = 3
SLOW: Final = 1_000
"""Milliseconds of a request's way from which on a clock that is behind within the margin may look further behind. Then
the lease that it has stored is lengthened before the handler: one write more."""
MARGIN: Final = 2_000
"""Milliseconds around a limit in which it depends on a clock whether an event looks early or late."""


class Costs(Judge):
    """Counts the requests of each invocation, and judges their number when it returns."""

    def request_done(self, invoked: Invoked, call: Call, attempt: Attempt | None, *, refused: bool) -> None:
        settles = any(one["Update"]["TableName"] == EFFECTS for one in call.parameters.get("TransactItems", ()))
        if settles or attempt is None or attempt.how != "works":  # else it is the handler's own checkpoint, or renewal
            invoked.spent[kind_of(call, refused=refused)] += 1
            invoked.spent["taken"] += call.operation == "CreateSchedule" and refused
            invoked.spent["plan"] += is_of_plan(call)
            invoked.spent["renewed"] += attempt is not None and attempt.how is None and is_renewal(call)

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        if raised is None and self.log.costs_count and (attempt is None or attempt.settled is not None):
            event = invoked.event
            begun = invoked.began - event.due
            # What looks early or late reads once, so that an answer tells the time.
            invoked.spent["time"] += begun < MARGIN or begun > self.log.start_deadline * 1000 - MARGIN
            invoked.spent["insured"] += attempt is not None and attempt.after_crash
            # A short lease lasts while the delivery sleeps until the due time, makes a carrier, or waits for an answer.
            mix, slow = self.log.mix, self.log.mix.latency > SLOW or self.log.mix.crowd
            waits = slow or invoked.spent["time"] or invoked.spent["insured"]
            invoked.spent["may renew"] += bool(waits) if mix.lease is not None else slow and mix.has("skew")
            wrong = excess(str(answer.get("cronstack")), invoked.spent, alone=not invoked.met)
            if not wrong and not invoked.met and answer.get("cronstack") == "succeeded":
                wrong = plan_requests(invoked.spent, attempt, invoked.event)
            if wrong:
                self.violated("I14", f"{invoked.name}: {wrong}")


def excess(how: str, spent: Counter[str], *, alone: bool) -> str:
    """Return what is wrong with the requests of a delivery that ended so; "" for nothing."""
    if spent["look"] + spent["gone"] > spent["taken"]:
        return f"{how} after a look at a schedule whose name was free: {spent}"
    cost = Cost(spent["write"], spent["carrier"] - spent["gone"], spent["letter"])
    carriers = {cost.carriers - further for further in (0, spent["look"], spent["insured"])}
    writes = {cost.writes - further for further in (0, spent["renewed"] * min(spent["may renew"], 1))}
    if how in COSTS and not {Cost(w, c, cost.letters) for w in writes for c in carriers}.intersection(COSTS[how]):
        return f"{how} for {cost}"
    if spent["begin"] > 1 or (alone and spent["begin"] and how in ("duplicate", "overtaken", "skipped", "buffered")):
        return f"{how} after {spent['begin']} begins of its plan"
    if alone and how in COSTS and spent["refused"] > MOST_REFUSALS:
        return f"{how}, alone, after {spent['refused']} refusals"
    # What a carrier brings finds no run before it begins the plan, and nothing shows a row that does not exist.
    if alone and how in ("succeeded", "retrying", "dead", "missed") and spent["read"] > spent["begin"] + spent["time"]:
        return f"{how}, alone, after {spent['read']} reads"
    return ""


def plan_requests(spent: Counter[str], attempt: Attempt | None, event: QueuedEvent) -> str:
    """Return what is wrong with an attempt's requests about its plan, where it met no other; "" for nothing."""
    if attempt is None or "key" not in event.body or event.by_operator:
        return ""
    if "carrier" in event.body:
        return f"a retry after {spent}" if attempt.number > 1 and spent["plan"] else ""
    begun = spent["begin"] == spent["plan"] == 1 or attempt.number > 1 or event.delivered > 1
    return "" if begun else f"the first attempt after {spent}"


def kind_of(call: Call, *, refused: bool) -> str:
    operation = call.operation
    if operation == "GetItem":
        return "read"
    if operation == "SendMessage":
        return "letter"
    if operation == "CreateSchedule":
        return "carrier"  # one whose name is taken, too: it was asked for
    if operation == "GetSchedule":
        return "gone" if refused else "look"
    return "refused" if refused else "begin" if is_of_plan(call) else "write"


def is_renewal(call: Call) -> bool:
    """Whether it gives the lease a new end."""
    first = call.parameters.get("TransactItems", ({"Update": call.parameters},))[0]["Update"]
    return str(first.get("UpdateExpression")).startswith("SET #expires = ")


def is_of_plan(call: Call) -> bool:
    return str(call.parameters.get("Key", {}).get("pk", {}).get("S", "")).startswith(PLANS)
