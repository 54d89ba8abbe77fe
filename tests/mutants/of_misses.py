"""Breakages of what was missed: its letter, its redrive, the plan that follows it. Of outages, and of killed attempts.

Not among them, because other protections hide them: that a miss asks for the plan it has begun (its run's part of the
transaction is refused, too); that an earlier plan's event does not claim what a later one has missed, and that a
redrive begins its own plan only (the begin asks for time and input); that each carrier of a next attempt has a name of
its own (one that exists comes anyway). And that a takeover of a lease whose claim's answer was lost has a carrier for
the attempt after it: a crash must follow a lost answer, twice.
"""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

_MISSES: tuple[Mutant, ...] = (
    Mutant(
        "a miss is not reported",
        "_miss",
        Code("(yield from report_missed(delivery, closing))", "Outcome('missed')"),
        ("I8", "I16", "I24"),
    ),
    Mutant(
        "a buffered occurrence is missed without a letter",
        "miss_buffered",
        Code(
            """
            if not isinstance(answer, Refused):
                return (yield from report_missed(delivery, closing))
            """,
            """
            if not isinstance(answer, Refused):
                return Outcome('missed')
            """,
        ),
        ("I8", "I16", "I24"),
    ),
    Mutant(
        "a missed run is claimed by any event",
        "_ended",
        Code(
            "run.status in FAILED and run.attempt != asking.redrive",
            "run.status == 'dead' and run.attempt != asking.redrive",
        ),
        ("I12",),
    ),
    Mutant(
        "two misses of a key have letters of one id",
        "letter_id",
        Code("'' if revision is None else f'/{revision}'", "''"),
        ("I16",),
    ),
    Mutant(
        "a miss does not ask whether the run is untouched",
        "miss",
        Code("NEVER_STARTED", "'attribute_not_exists(#error)'"),
        ("I1", "I2", "I4", "I12"),
    ),
    Mutant(
        "a miss of a key does not ask whether the run is untouched",
        "miss_key",
        Code(
            "change, condition = _set(values), NEVER_STARTED",
            "change, condition = _set(values), 'attribute_not_exists(#error)'",
        ),
        ("I1", "I2", "I4", "I12"),
    ),
    Mutant(
        "a miss leaves its plan begun",
        "miss_key",
        Code("transaction(token, run, plan_requests.miss(closing.table, of, ttl=plan_ttl))", "transaction(token, run)"),
        ("I19",),
    ),
    Mutant(
        "a redrive of a miss does not begin its plan again",
        "begin",
        Code("of.redrive is not None", "False"),
        ("I2", "I17", "I19", "I20"),
    ),
    Mutant(
        "a redrive of a miss does not ask the plan",
        "_is_closed",
        Code("run is not None and run.status == 'missed' and not delivery.may_begin", "False"),
        ("I19", "I20"),
    ),
    Mutant(
        "a claim over a miss does not ask whether it still is one",
        "MISSED",
        Text("#status = :missed AND attribute_not_exists(#attempt)", "attribute_exists(#status)"),
        ("I1", "I2", "I3", "I11", "I12", "I17"),
    ),
    Mutant(
        "a redrive leaves the note that the letter of the miss is out",
        "_open_first",
        Code(
            "f'{change} REMOVE #ended, #reason, #error, #event, #listed, #reported'",
            "f'{change} REMOVE #ended, #reason, #error, #event, #listed'",
        ),
        ("I9", "I16", "I24"),
    ),
    Mutant(
        "a later miss of a key leaves the note that the letter is out",
        "miss_key",
        Code("f'{change} REMOVE #reported'", "change"),
        ("I9", "I16", "I24", "I8"),
    ),
    Mutant(
        "a replace of what was missed is refused",
        "schedule",
        Code("not replace or found.status == 'begun'", "not replace or found.status != 'planned'"),
        ("I18",),
    ),
    Mutant(
        "what was missed is planned anew without a replace",
        "schedule",
        Code(
            "not replace or found.status == 'begun'",
            "(not replace and found.status != 'missed') or found.status == 'begun'",
        ),
        ("I19",),
    ),
    Mutant(
        "a move of what was missed comes too late",
        "move",
        Code("found.status not in ('planned', 'missed')", "found.status != 'planned'"),
        ("I19",),
    ),
)

_OUTAGES: tuple[Mutant, ...] = (
    Mutant(
        "an outage of the ledger is left to Lambda",
        "defer_for_outage",
        Code("not fault.passing", "True"),
        ("I10",),
    ),
    Mutant(
        "an outage of the ledger is acknowledged without a carrier",
        "defer_for_outage",
        Code("yield from arm(delivery, obstacle_of_plan(delivery, OUTAGE), _next_look(delivery))", "yield from ()"),
        ("I8",),
    ),
    Mutant(
        "in an outage the ledger is asked until the deadline",
        "Delivery.reserve",
        Code("max(self.enough, min(TIME_TO_CARRY, left / 4), left - LONGEST_TRY)", "TIME_TO_TELL"),
        ("I10",),
    ),
    Mutant(
        "a further attempt takes its run off the list for operators",
        "_NOT_WAITING",
        Text("#after", "#after, #listed"),
        ("I25",),
        "missing-role",
    ),
    Mutant(
        "events with different inputs share a carrier",
        "arm",
        Code("f'{carrier.kind_of(terms.event)} {of.payload}'", "carrier.kind_of(terms.event)"),
        ("I8", "I9"),
    ),
)

_KILLED: tuple[Mutant, ...] = (
    Mutant(
        "after a killed attempt nothing brings the one after the next",
        "_prepare",
        Code("yield from arm_next_attempt(delivery, attempt.grant)", ""),
        ("I11",),
    ),
    Mutant(
        "a claim does not see that the attempt before was killed",
        "_granted",
        Code("run is not None and run.status in ('running', 'crashed')", "False"),
        ("I11",),
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_MISSES, *_OUTAGES, *_KILLED)
