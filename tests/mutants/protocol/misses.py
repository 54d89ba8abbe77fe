"""Breakages of missed runs (letter, redrive, later plan), of outages, and of killed attempts.

Some breakages are not in the list, because another condition protects the same:

  - a miss does not check that its plan is the started one (its run's part of the transaction is refused, too)
  - an earlier plan's event claims the missed run of a later plan; a redrive starts another plan (the start of the plan
    checks time and input)
  - carriers of next attempts share a name (an existing one comes anyway)
  - a takeover after a lost answer makes no carrier for the next attempt (needs a crash after a lost answer, twice)
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
        Code("yield from report_missed(delivery, closing)", "Outcome('missed')"),
        ("I8", "I16", "I24"),
    ),
    Mutant(
        "a missed run is claimed by any event",
        "_ended",
        Code(
            "run.status in FAILED and run.attempt != claimant.redrive",
            "run.status == 'dead' and run.attempt != claimant.redrive",
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
        "a miss does not check that no run exists",
        "miss",
        Code("NEVER_STARTED", "'attribute_not_exists(#error)'"),
        ("I1", "I2", "I4", "I12"),
    ),
    Mutant(
        "a miss of a key does not check that no run exists",
        "miss_key",
        Code(
            "change, condition = _set(values), NEVER_STARTED",
            "change, condition = _set(values), 'attribute_not_exists(#error)'",
        ),
        ("I1", "I2", "I4", "I12"),
    ),
    Mutant(
        "a miss leaves its plan started",
        "miss_key",
        Code("transaction(token, run, plan_requests.miss(closing.table, of, ttl=plan_ttl))", "transaction(token, run)"),
        ("I19",),
    ),
    Mutant(
        "a redrive of a miss does not start its plan again",
        "begin",
        Code("of.redrive is not None", "False"),
        ("I2", "I17", "I19", "I20"),
    ),
    Mutant(
        "a redrive of a miss does not check the plan",
        "_is_closed",
        Code("run is not None and run.status == 'missed' and not delivery.may_begin", "False"),
        ("I19", "I20"),
    ),
    Mutant(
        "a claim of a missed run does not check its status",
        "MISSED",
        Text("#status = :missed AND attribute_not_exists(#attempt)", "attribute_exists(#status)"),
        ("I1", "I2", "I3", "I11", "I12", "I17"),
    ),
    Mutant(
        "a redrive keeps the record that the letter of the miss was sent",
        "_open_first",
        Code(
            "f'{change} REMOVE #ended, #reason, #error, #event, #listed, #reported'",
            "f'{change} REMOVE #ended, #reason, #error, #event, #listed'",
        ),
        ("I9", "I16", "I24"),
    ),
    Mutant(
        "a later miss of a key keeps the record that the letter was sent",
        "miss_key",
        Code("f'{change} REMOVE #reported'", "change"),
        ("I9", "I16", "I24", "I8"),
    ),
    Mutant(
        "a replace of a missed plan is refused",
        "schedule",
        Code("not replace or current.status == 'begun'", "not replace or current.status != 'planned'"),
        ("I18",),
    ),
    Mutant(
        "a missed plan is planned again without a replace",
        "schedule",
        Code(
            "not replace or current.status == 'begun'",
            "(not replace and current.status != 'missed') or current.status == 'begun'",
        ),
        ("I19",),
    ),
    Mutant(
        "a move of a missed plan is too late",
        "move",
        Code("current.status not in ('planned', *UNSTARTED_PLANS)", "current.status not in ('planned', 'skipped')"),
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
        Code("yield from arm(delivery, obstacle_of_plan(delivery, OUTAGE), _next_check(delivery))", "yield from ()"),
        ("I8",),
    ),
    Mutant(
        "in an outage a request is repeated until the deadline",
        "Delivery.reserve",
        Code("max(self.least_time, min(TIME_TO_CARRY, left / 4), left - LONGEST_TRY)", "TIME_TO_RAISE"),
        ("I10",),
    ),
    Mutant(
        "a further attempt removes its run from the list for operators",
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
        "an attempt after a killed one has no carrier for the next",
        "_prepare",
        Code("yield from arm_next_attempt(delivery, attempt.grant)", ""),
        ("I11",),
    ),
    Mutant(
        "a claim does not detect that the attempt before was killed",
        "_granted",
        Code("run is not None and run.status in ('running', 'crashed')", "False"),
        ("I11",),
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_MISSES, *_OUTAGES, *_KILLED)
