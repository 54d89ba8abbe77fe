"""Breakages of the conditions and the changes of the ledger's writes."""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a claim does not check that the lease is free",
        "claim",
        Code("f'{FREE} AND {FENCE_GROWS}'", "FENCE_GROWS"),
        ("I3", "I3b", "I7"),
    ),
    Mutant(
        "a claim does not check that its fence is the highest",
        "claim",
        Code("f'{FREE} AND {FENCE_GROWS}'", "FREE"),
        ("I3",),
    ),
    Mutant(
        "a takeover does not check the holder of the lease",
        "HELD_AS_SEEN",
        Text("#holder = :lease_holder AND #beats = :beats AND ", ""),
        ("I3", "I3b", "I7"),
    ),
    Mutant(
        "a first claim does not check that no run exists",
        "_open_first",
        Code(
            "NEVER_STARTED if run is None else BUFFERED", "'attribute_not_exists(#error)' if run is None else BUFFERED"
        ),
        ("I2", "I11", "I12"),
    ),
    Mutant(
        "a redrive does not check the attempt",
        "DEAD_AS_SEEN",
        Text(" AND #attempt = :before", ""),
        ("I11", "I17"),
    ),
    Mutant(
        "the takeover of a run does not check its holder",
        "RUNNING_AS_SEEN",
        Text("#status = :running AND #holder = :run_holder AND ", ""),
        ("I2", "I3b", "I11", "I17"),
    ),
    Mutant(
        "a settlement does not check its holder",
        "RUNNING_BY_ME",
        Text(" AND #holder = :holder", ""),
        ("I4",),
    ),
    Mutant(
        "a settlement does not check that the run is running",
        "RUNNING_BY_ME",
        Text("#status = :running AND ", ""),
        ("I1", "I2", "I12", "I10"),
    ),
    Mutant(
        "a skip does not check that no run exists",
        "skip",
        Code("NEVER_STARTED", "'attribute_not_exists(#error)'"),
        ("I1", "I2", "I4", "I12"),
    ),
    Mutant(
        "without a lease: the status is not checked",
        "STARTED_WITHOUT_LEASE",
        Text(" OR (#status = :running", " OR #attempt > :zero OR (#status = :running"),
        ("I2", "I3", "I7", "I17"),
    ),
    Mutant(
        "the claim of a letter does not check its holder",
        "claim_letter",
        Code("f'{UNREPORTED} AND #holder = :run_holder AND #expires = :ends'", "'#status IN (:dead, :missed)'"),
        ("I16",),
    ),
    Mutant(
        "a takeover does not mark the dead run",
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
        "a claim from the slot does not free the slot",
        "_lease_update",
        Code("f'{_HOLD} REMOVE #buffered'", "_HOLD"),
        ("I13",),
    ),
    Mutant(
        "a missed buffered run does not free the slot",
        "_end_buffered",
        Text("REMOVE #buffered", "SET #v = :v"),
        ("I13",),
    ),
    Mutant(
        "a full slot is taken",
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
        "a checkpoint that comes late replaces a newer one",
        "save",
        Code("f'{RUNNING_BY_ME} AND {NEWER_CHECKPOINT}'", "RUNNING_BY_ME"),
        ("I4",),
    ),
    Mutant(
        "without a lease: a failed run has no pause",
        "STARTED_WITHOUT_LEASE",
        Text("(#status = :retrying AND (attribute_not_exists(#after) OR #after <= :rested))", "#status = :retrying"),
        ("I11",),
    ),
    Mutant(
        "a claim of a waiting run does not check the attempt",
        "WAITS_FOR_AN_ATTEMPT",
        Text(" AND #attempt = :before", ""),
        ("I11",),
        switch="hanging",
    ),
)
