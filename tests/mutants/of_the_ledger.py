"""Breakages of the ledger's conditions and of what its writes change."""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a claim does not ask whether the lease is free",
        "claim",
        Code("f'{FREE} AND {FENCE_GROWS}'", "FENCE_GROWS"),
        ("I3", "I3b", "I7"),
    ),
    Mutant(
        "a claim does not ask whether its fence is the highest",
        "claim",
        Code("f'{FREE} AND {FENCE_GROWS}'", "FREE"),
        ("I3",),
    ),
    Mutant(
        "a takeover does not ask who holds the lease",
        "HELD_AS_SEEN",
        Text("#holder = :lease_holder AND #beats = :beats AND ", ""),
        ("I3", "I3b", "I7"),
    ),
    Mutant(
        "a first claim does not ask whether the run is untouched",
        "_open_first",
        Code(
            "NEVER_STARTED if run is None else BUFFERED", "'attribute_not_exists(#error)' if run is None else BUFFERED"
        ),
        ("I2", "I11", "I12"),
    ),
    Mutant(
        "a redrive does not ask for the attempt seen",
        "DEAD_AS_SEEN",
        Text(" AND #attempt = :before", ""),
        ("I11", "I17"),
    ),
    Mutant(
        "the takeover of a run does not ask for its holder",
        "RUNNING_AS_SEEN",
        Text("#status = :running AND #holder = :run_holder AND ", ""),
        ("I2", "I3b", "I11", "I17"),
    ),
    Mutant(
        "a settlement does not ask for its holder",
        "RUNNING_BY_ME",
        Text(" AND #holder = :holder", ""),
        ("I4",),
    ),
    Mutant(
        "a settlement does not ask whether the run is running",
        "RUNNING_BY_ME",
        Text("#status = :running AND ", ""),
        ("I1", "I2", "I12", "I10"),
    ),
    Mutant(
        "a skip does not ask whether the run is untouched",
        "skip",
        Code("NEVER_STARTED", "'attribute_not_exists(#error)'"),
        ("I1", "I2", "I4", "I12"),
    ),
    Mutant(
        "without a lease: no look at the status",
        "STARTED_ALONE",
        Text(" OR (#status = :running", " OR #attempt > :zero OR (#status = :running"),
        ("I2", "I3", "I7", "I17"),
    ),
    Mutant(
        "the letter's sender need not be the one seen",
        "claim_letter",
        Code("f'{UNREPORTED} AND #holder = :run_holder AND #expires = :ends'", "'#status IN (:dead, :missed)'"),
        ("I16",),
    ),
    Mutant(
        "a takeover leaves the dead run as it stands",
        "take_over",
        Code(
            "mark_crashed and lease.occurrence is not None and lease.occurrence != opening.occurrence.id",
            "False and lease.occurrence != opening.occurrence.id",
        ),
        ("I3b",),
    ),
    Mutant(
        "a retry does not release the lease",
        "settle",
        Text("REMOVE #holder, #occurrence, #expires, #beats", "REMOVE #beats"),
        ("I3b",),
    ),
    Mutant(
        "a claim out of the slot leaves the slot as it was",
        "_lease_update",
        Code("f'{_HOLD} REMOVE #buffered'", "_HOLD"),
        ("I13",),
    ),
    Mutant(
        "what waited too long leaves the slot as it was",
        "miss_buffered",
        Text("REMOVE #buffered", "SET #v = :v"),
        ("I13",),
    ),
    Mutant(
        "the slot is taken, full or not",
        "buffer",
        Code("f'{HELD_BY} AND {SLOT_AS_SEEN if stale else SLOT_FREE}'", "HELD_BY"),
        ("I13",),
    ),
    Mutant(
        "a renewal that comes late shortens the lease",
        "NOT_SHORTENED",
        Text("#expires <= :expires", "attribute_exists(#expires)"),
        ("I6",),
    ),
    Mutant(
        "a checkpoint is not fenced",
        "save",
        Code("f'{RUNNING_BY_ME} AND {NEWER_CHECKPOINT}'", "NEWER_CHECKPOINT"),
        ("I4", "I1", "I2", "I12"),
    ),
    Mutant(
        "a checkpoint that comes late goes over a newer one",
        "save",
        Code("f'{RUNNING_BY_ME} AND {NEWER_CHECKPOINT}'", "RUNNING_BY_ME"),
        ("I4",),
    ),
    Mutant(
        "without a lease: a failed run does not rest",
        "STARTED_ALONE",
        Text("(#status = :retrying AND (attribute_not_exists(#after) OR #after <= :rested))", "#status = :retrying"),
        ("I11",),
    ),
    Mutant(
        "a reclaim does not ask for the attempt seen",
        "WAITS_FOR_AN_ATTEMPT",
        Text(" AND #attempt = :before", ""),
        ("I11",),
        switch="hanging",
    ),
)
