"""What a delivery may ask for, by how it ends: I14. Judged where every request is carried out and answered once.

                 writes that were carried out                             carriers  letters
    succeeded    claim, settlement (a commit is one)                      0         0
    retrying     claim, settlement                                        1         0
    dead         claim, settlement, note of the letter                    0         1
    skipped      its record                                               0, or 1 for what fills the slot
    missed       its record                                               0         0
    buffered     its place                                                1         0
    duplicate    none                                                     0, or 1 as above
    deferred     none                                                     1, or 2 where it makes way for the slot
                                                                                    0
    overtaken    none                                                     0, or 1 for the plan that has overtaken it

A duplicate may besides have sent a dead letter that nobody had noted: two writes and the letter.
A write that is refused shows what stands there. Who is alone in the world is refused twice at most: by the fence of a
host whose clock is ahead, and by a state that only a refusal can show; one more when it is late, because that it was
started is such a state, too. It reads nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple


class Cost(NamedTuple):
    writes: int
    carriers: int = 0
    letters: int = 0


COSTS: Final = {
    "succeeded": (Cost(2),),
    "retrying": (Cost(2, carriers=1),),
    "dead": (Cost(3, letters=1),),
    "skipped": (Cost(1), Cost(1, carriers=1)),
    "missed": (Cost(1),),
    "buffered": (Cost(1, carriers=1),),
    "duplicate": (Cost(0), Cost(0, carriers=1), Cost(2, letters=1)),
    "deferred": (Cost(0, carriers=1), Cost(0, carriers=2)),
    "overtaken": (Cost(0), Cost(0, carriers=1)),
}
MOST_REFUSALS: Final = 3


def excess(how: str, spent: Counter[str], *, alone: bool) -> str:
    """What is wrong with what a delivery that ended so has spent; "" for nothing."""
    cost = Cost(spent["write"], spent["carrier"], spent["letter"])
    if how in COSTS and cost not in COSTS[how]:
        return f"{how} for {cost}"
    if alone and how in COSTS and spent["refused"] > MOST_REFUSALS:
        return f"{how}, alone, after {spent['refused']} refusals"
    if alone and how in ("succeeded", "retrying", "dead", "missed") and spent["read"]:
        return f"{how}, alone, after {spent['read']} reads"
    return ""


def kind_of(operation: str, *, refused: bool) -> str:
    if operation == "GetItem":
        return "read"
    if operation == "SendMessage":
        return "letter"
    if operation == "CreateSchedule":
        return "carrier"  # one whose name is taken, too: it was asked for
    return "refused" if refused else "write"
