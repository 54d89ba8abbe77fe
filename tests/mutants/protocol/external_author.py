"""Breakages by an author who had read the guard and its guarantees, but neither the proof nor these tests."""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a commit counts before its answer is read",
        "Attempt.commit",
        Code(
            """
            if isinstance(answer, Refused):
                yield from self._judge(answer, ours=len(answer.conditions) - len(writes))
            self.committed = True
            """,
            """
            self.committed = True
            if isinstance(answer, Refused):
                yield from self._judge(answer, ours=len(answer.conditions) - len(writes))
            """,
        ),
        ("I8",),
    ),
    Mutant(
        "hops are not counted from the first",
        "arm",
        Code("0 if of.hop is None else of.hop + 1", "of.hop + 1 if of.hop else 0"),
        ("I8",),
    ),
    Mutant(
        "after a lost answer of a settlement, the delivery ends",
        "_judge",
        Code("return None", "return Outcome(status)"),
        ("I8", "I16"),
    ),
    Mutant(
        "a checkpoint is passed on after a crash only",
        "_granted",
        Code(
            "('', 0) if run is None else (run.checkpoint, run.saves)",
            "(run.checkpoint, run.saves) if run is not None and run.status == 'running' else ('', 0)",
        ),
        ("I4",),
    ),
    Mutant(
        "a dead run's letter is claimed from any holder",
        "claim_letter",
        Code("f'{UNREPORTED} AND #holder = :run_holder AND #expires = :ends'", "UNREPORTED"),
        ("I16",),
    ),
    Mutant(
        "the letter is sent within the dead holder's lease",
        "ensure_letter",
        Code("current._replace(expires=expires)", "current"),
        ("I9", "I16"),
    ),
    Mutant(
        "a redrive keeps the record that the letter was sent",
        "_NOT_DEAD",
        Text(", #reported", ""),
        ("I9", "I16"),
    ),
    Mutant(
        "the start checks only Lambda's time, not the lease",
        "_may_start",
        Code("delivery.host.clock.latest() - MAX_DATE_LAG < end", "end > 0"),
        ("I6",),
    ),
    Mutant(
        "an adopted claim has the fence of the last request",
        "_adopt",
        Code("of.fence", "max(of.fence, delivery.floor)"),
        ("I6",),
    ),
    Mutant(
        "a redrive has no further attempts",
        "limit_of",
        Code(
            "run.attempt + limit if run.status in FAILED else run.limit",
            "run.limit if run.status != 'retrying' else max(run.limit, limit)",
        ),
        ("I11",),
    ),
    Mutant(
        "the letter is recorded before it is sent",
        "report",
        Code(
            """
            yield from post(
                terms.dead_letters, terms.letter(condition, run.attempt, run.error), delivery.host, reserve=reserve
            )
            job, occurrence = terms.occurrence.job, terms.occurrence.id
            noted = run_requests.reported(terms.table, job, occurrence, delivery.holder, delivery.host.now())
            answer = yield from send(noted, delivery.host, reserve=delivery.reserve)
            """,
            """
            job, occurrence = terms.occurrence.job, terms.occurrence.id
            noted = run_requests.reported(terms.table, job, occurrence, delivery.holder, delivery.host.now())
            answer = yield from send(noted, delivery.host, reserve=delivery.reserve)
            yield from post(
                terms.dead_letters, terms.letter(condition, run.attempt, run.error), delivery.host, reserve=reserve
            )
            """,
        ),
        ("I16",),
    ),
)
