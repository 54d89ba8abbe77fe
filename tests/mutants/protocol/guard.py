"""Breakages of decisions, times and the order of steps."""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

_LATE = "self._time_passed() - of.due > self.terms.start_deadline * 1000"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "no margin between two clocks",
        "_decide_by_lease",
        Code("lease.expires + claimant.margin", "lease.expires"),
        ("I3",),
    ),
    Mutant(
        "no margin without a lease",
        "_send_claim",
        Code("clock.earliest() - delivery.claimant.margin", "clock.earliest()"),
        ("I3",),
    ),
    Mutant(
        "a lease is taken over while it lasts",
        "_decide_by_lease",
        Code("lease.expires + claimant.margin", "lease.expires - 20_000"),
        ("I3", "I7"),
    ),
    Mutant(
        "a lease ends long before its holder",
        "Delivery.lease_end",
        Code("left if lease is None else min(left, lease)", "1 if lease is None else min(left, lease)"),
        ("I6", "I7", "I15", "I9", "I3"),
    ),
    Mutant(
        "the lease is measured when the answer comes",
        "_granted",
        Code("opening.expires", "delivery.lease_end(delivery.host.now())"),
        ("I6", "I7"),
    ),
    Mutant(
        "the handler starts without a check of the clock",
        "_may_start",
        Code(
            "delivery.host.clock.latest() - MAX_DATE_LAG < end and delivery.host.left() >= delivery.least_time", "True"
        ),
        ("I6", "I7"),
    ),
    Mutant(
        "the start deadline applies to operators",
        "Delivery.is_late",
        Code(f"not of.by_operator and {_LATE}", _LATE),
        ("I12",),
    ),
    Mutant(
        "no start deadline",
        "Delivery.is_late",
        Code(f"not of.by_operator and {_LATE}", "False"),
        ("I12",),
    ),
    Mutant(
        "the start deadline bounds retries",
        "_miss",
        Code(
            "not isinstance(answer, Refused) or (yield from _is_own(delivery, answer.conditions[0], 'missed'))",
            "True",
        ),
        ("I8", "I16"),
    ),
    Mutant(
        "a final run may be deleted at once",
        "Delivery.closing",
        Code("terms.knobs.retention", "0"),
        ("I2", "I1", "I11", "I15", "I12", "I17"),
    ),
    Mutant(
        "nothing is too old",
        "_is_aged",
        Code("delivery.host.now() - delivery.terms.occurrence.age_from > delivery.terms.knobs.horizon * 1000", "False"),
        ("I2", "I1", "I11", "I15", "I12", "I17"),
    ),
    Mutant(
        "a failed attempt counts as a finished run",
        "_ended",
        Code("run.status in FINISHED", "run.status in (*FINISHED, 'retrying')"),
        ("I8",),
    ),
    Mutant(
        "a crashed run counts as a finished one",
        "_ended",
        Code("run.status in FINISHED", "run.status in (*FINISHED, 'crashed')"),
        ("I8",),
    ),
    Mutant(
        "a running run counts as a finished one",
        "_ended",
        Code("run.status in FINISHED", "run.status in (*FINISHED, 'running')"),
        ("I8", "I10"),
    ),
    Mutant(
        "an unreported death is acknowledged",
        "_ended",
        Code("Duplicate(run.status) if run.reported else Unreported(run)", "Duplicate(run.status)"),
        ("I8", "I16"),
    ),
    Mutant(
        "a dead run is claimed by any event",
        "_ended",
        Code(
            "run.status in FAILED and run.attempt != claimant.redrive",
            "run.status in FAILED and claimant.redrive is None and run.reported",
        ),
        ("I17",),
    ),
    Mutant(
        "a redrive is a duplicate",
        "_ended",
        Code("run.status in FAILED and run.attempt != claimant.redrive", "run.status in FAILED"),
        ("I17",),
    ),
    Mutant(
        "a skip names a holder that never existed",
        "_carry_out",
        Code("_skip(delivery, 'overlap', by)", "_skip(delivery, 'overlap', by[::-1])"),
        ("I12",),
    ),
    Mutant(
        "an own lease is not recognised",
        "_decide_by_lease",
        Code("lease.holder == claimant.holder", "lease.holder == claimant.occurrence"),
        ("I10",),
    ),
    Mutant(
        "an own run is not recognised",
        "_decide_alone",
        Code("run is not None and run.status == 'running' and run.holder == claimant.holder", "run is None"),
        ("I10", "I9", "I6"),
    ),
    Mutant(
        "the handler runs though the claim was refused",
        "_send_claim",
        Code(
            """
            yield from _read_refusal(delivery, answer, takes_over=takes_over)
            return None
            """,
            """
            yield from _read_refusal(delivery, answer, takes_over=takes_over)
            return Grant(1, 3, opening.fence, opening.expires)
            """,
        ),
        ("I6", "I4"),
    ),
    Mutant(
        "the handler runs when the ledger does not answer",
        "send",
        Code(
            """
            if not (answer.passing or invalid) or host.left() - pause <= reserve:
                raise answer.raised(request, first=tries == 0)
            """,
            """
            if not answer.passing or host.left() - pause <= max(reserve, 1.5):
                return Done({})
            """,
        ),
        ("I6", "I8", "I10"),
    ),
    Mutant(
        "the letter is recorded, but not sent",
        "report",
        Code(
            """
            yield from post(
                terms.dead_letters, terms.letter(condition, run.attempt, run.error), delivery.host, reserve=reserve
            )
            """,
            """
            yield from () and post(
                terms.dead_letters, terms.letter(condition, run.attempt, run.error), delivery.host, reserve=reserve
            )
            """,
        ),
        ("I8", "I16"),
    ),
    Mutant(
        "the letter is sent after the lease has ended",
        "report",
        Code("latest >= run.expires", "delivery.host.left() < 0"),
        ("I6", "I16"),
    ),
    Mutant(
        "the sending of a letter is claimed before its holder's lease has ended",
        "ensure_letter",
        Code("not delivery.has_passed(current.expires)", "False"),
        ("I16",),
    ),
    Mutant(
        "a death is not reported",
        "_die",
        Code("report(delivery, run, condition)", "() if grant.attempt < 9 else report(delivery, run, condition)"),
        ("I8", "I16"),
    ),
    Mutant(
        "a failure is swallowed",
        "_work",
        Code(
            "return (yield from _retry(delivery, attempt, answer))",
            """
            lost = yield from _settle(delivery, attempt, delivery.closing('succeeded'))
            return lost or _outcome(attempt, 'succeeded')
            """,
        ),
        ("I6",),
    ),
    Mutant(
        "a fault is acknowledged",
        "Invocation.steps",
        Code("raise", "return Ended({}, None)"),
        ("I8", "I10"),
    ),
    Mutant(
        "a refused event is dropped",
        "Invocation._deliver",
        Code(
            "post(self._shell.settings.dead_letters, self._letter(REFUSED, 0, error), self._host())",
            "() and post(self._shell.settings.dead_letters, self._letter(REFUSED, 0, error), self._host())",
        ),
        ("I8",),
    ),
    Mutant(
        "one attempt too many",
        "_retry",
        Code("grant.attempt >= grant.limit", "grant.attempt > grant.limit"),
        ("I11",),
    ),
    Mutant(
        "one attempt too few",
        "_retry",
        Code("grant.attempt >= grant.limit", "grant.attempt >= grant.limit - 1"),
        ("I11",),
    ),
    Mutant(
        "killed in its last attempt, it is tried again",
        "_prepare",
        Code("admitted.attempt > admitted.limit", "admitted.attempt > admitted.limit + 1"),
        ("I11",),
    ),
    Mutant(
        "an overtaken attempt counts as succeeded",
        "_judge",
        Code(
            """
            if run is not None and run.holder == delivery.holder and run.status == status:
                return None
            """,
            """
            if run is not None:
                return Outcome(status)
            """,
        ),
        ("I8", "I10", "I16"),
    ),
    Mutant(
        "an own settlement is not recognised",
        "_judge",
        Code(
            """
            if run is not None and run.holder == delivery.holder and run.status == status:
                return None
            """,
            "",
        ),
        ("I10",),
    ),
)
