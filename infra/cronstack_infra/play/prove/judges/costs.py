"""Costs: the requests of a delivery, by how it ends (I14). Judged where each request is carried out and answered once.

                 writes that were carried out                             carriers  letters
    succeeded    claim, settlement (a commit is one)                      0         0
    retrying     claim, settlement                                        1         0
    dead         claim, settlement, note of the letter                    0         1
    skipped      its record                                               0, or 1 for the occurrence in the slot
    missed       its record, note of the letter                           0         1
    buffered     its place in the slot                                    1         0
    duplicate    none                                                     0, or 1 as above
    deferred     none, or its event for a run of another delivery         1, or 2 where it makes way for the slot
                                                                                    0
    overtaken    none                                                     0, or 1 for the plan that has overtaken it

A carrier whose name is taken costs one read of the schedule with that name. If that schedule has fired meanwhile, the
carrier is made again; if its time is past, under another name.

A duplicate may also have sent a dead letter that was not noted yet: two writes and the letter.

A key costs one more write, which starts its plan. The plan's own event writes to the plan first and then to the run, so
another delivery of it gets one more refusal, by the plan. An event from a carrier writes to the run first.

An attempt after a crash costs one more carrier, which brings the next attempt. An early or late event costs one more
read: the date of its answer is the time.

An occurrence without a lease costs one read of the lease row, which shows whether the job is paused.

A refused write returns what the ledger holds. An invocation that ran alone gets at most two refusals: by the fence of a
host whose clock is ahead, and by a state that only a refusal can show. A late one gets one more refusal: a run that has
started is such a state, too. It reads nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from cronstack.steps import Call
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.world import EFFECTS, LEASE, PLANS


class Cost(NamedTuple):
    """The requests that were carried out, without the write that starts a plan."""

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
"""Latency in milliseconds from which on a clock that is behind within the margin may look further behind. Then the
stored lease is lengthened before the handler: one more write."""
MARGIN: Final = 2_000
"""Milliseconds around a limit within which an event looks early or late depending on the clock."""


class Costs(Judge):
    """The judge of the number of requests of each invocation. It judges when the invocation returns."""

    def request_done(
        self, invocation: InvocationRecord, call: Call, attempt: AttemptRecord | None, *, refused: bool
    ) -> None:
        settles = any(action["Update"]["TableName"] == EFFECTS for action in call.parameters.get("TransactItems", ()))
        if (
            settles or attempt is None or attempt.handler_state != "works"
        ):  # else the handler's own checkpoint or renewal
            invocation.spent[kind_of(call, refused=refused)] += 1
            invocation.spent["taken"] += call.operation == "CreateSchedule" and refused
            invocation.spent["plan"] += is_of_plan(call)
            invocation.spent["pause"] += is_read_of_pause(call) and self.log.needs_no_lease(
                self.log.run(invocation.event.occurrence)
            )
            invocation.spent["renewed"] += attempt is not None and attempt.handler_state is None and is_renewal(call)

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        if raised is None and self.log.costs_count and (attempt is None or attempt.settled is not None):
            event = invocation.event
            after_due = invocation.began - event.due
            # An event that looks early or late costs one read, whose answer shows the time.
            invocation.spent["time"] += after_due < MARGIN or after_due > self.log.start_deadline * 1000 - MARGIN
            invocation.spent["insured"] += attempt is not None and attempt.after_crash
            # Renewed while the delivery sleeps until the due time, makes a carrier, or waits for an answer.
            mix, slow = self.log.mix, self.log.mix.latency > SLOW or self.log.mix.crowd
            waits = slow or invocation.spent["time"] or invocation.spent["insured"]
            invocation.spent["may renew"] += bool(waits) if mix.lease is not None else slow and mix.has("skew")
            wrong = excess(str(answer.get("cronstack")), invocation.spent, alone=not invocation.overlapped)
            if not wrong and not invocation.overlapped and answer.get("cronstack") == "succeeded":
                wrong = plan_requests(invocation.spent, attempt, invocation.event)
            if wrong:
                self.violated("I14", f"{invocation.name}: {wrong}")


def excess(how: str, spent: Counter[str], *, alone: bool) -> str:
    """Return what is wrong with the requests of a delivery that ended as ``how``; "" if they are right."""
    if spent["look"] + spent["gone"] > spent["taken"]:
        return f"{how} after a read of a schedule whose name was free: {spent}"
    cost = Cost(spent["write"], spent["carrier"] - spent["gone"], spent["letter"])
    carriers = {cost.carriers - further for further in (0, spent["look"], spent["insured"])}
    writes = {cost.writes - further for further in (0, spent["renewed"] * min(spent["may renew"], 1))}
    if how in COSTS and not {Cost(w, c, cost.letters) for w in writes for c in carriers}.intersection(COSTS[how]):
        return f"{how} for {cost}"
    if spent["begin"] > 1 or (alone and spent["begin"] and how in ("duplicate", "overtaken", "skipped", "buffered")):
        return f"{how} after starting its plan {spent['begin']} times"
    if alone and how in COSTS and spent["refused"] > MOST_REFUSALS:
        return f"{how}, alone, after {spent['refused']} refusals"
    # A carrier's event reads before it starts the plan: no refusal shows that a row does not exist.
    if spent["pause"] > 1:
        return f"{how} after {spent['pause']} reads of the lease row"
    reads = spent["read"] - spent["pause"]
    if alone and how in ("succeeded", "retrying", "dead", "missed") and reads > spent["begin"] + spent["time"]:
        return f"{how}, alone, after {reads} reads"
    return ""


def plan_requests(spent: Counter[str], attempt: AttemptRecord | None, event: QueuedEvent) -> str:
    """Return what is wrong with the plan requests of an attempt that ran alone; "" if they are right."""
    if attempt is None or "key" not in event.body or event.by_operator:
        return ""
    if "carrier" in event.body:
        return f"a retry after {spent}" if attempt.number > 1 and spent["plan"] else ""
    started = spent["begin"] == spent["plan"] == 1 or attempt.number > 1 or event.delivered > 1
    return "" if started else f"the first attempt after {spent}"


def kind_of(call: Call, *, refused: bool) -> str:
    operation = call.operation
    if operation == "GetItem":
        return "read"
    if operation == "SendMessage":
        return "letter"
    if operation == "CreateSchedule":
        return "carrier"  # also if its name is taken: it was requested
    if operation == "GetSchedule":
        return "gone" if refused else "look"
    return "refused" if refused else "begin" if is_of_plan(call) else "write"


def is_read_of_pause(call: Call) -> bool:
    """Return whether the call reads the lease row, which shows whether the job is paused."""
    return call.operation == "GetItem" and bool(call.parameters["Key"]["sk"]["S"] == LEASE[1])


def is_renewal(call: Call) -> bool:
    """Return whether the call gives the lease a new end."""
    first = call.parameters.get("TransactItems", ({"Update": call.parameters},))[0]["Update"]
    return str(first.get("UpdateExpression")).startswith("SET #expires = ")


def is_of_plan(call: Call) -> bool:
    return str(call.parameters.get("Key", {}).get("pk", {}).get("S", "")).startswith(PLANS)
