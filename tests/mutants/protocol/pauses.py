"""Breakages of the pause: what it stops, what it skips, and what waits for the resume.

Without an effect, because the guard then only waits by contention until the resume:

  - the decision ignores the pause, and the condition of the claim does not
  - the decision records a started run as skipped: the condition of that record refuses it

Too rare for 1,500 seeds, and shown by a test of the guard: an occurrence that an operator has put into the slot while
the job is paused is skipped by its schedule's event.
"""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

_WAIVED = "opening._replace(occurrence=opening.occurrence._replace(while_paused=True))"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a claim with a lease ignores the pause",
        "_lease_update",
        Code(
            """
            if not opening.occurrence.while_paused:
                condition = f'{condition} AND {NOT_PAUSED}'
            """,
            "",
        ),
        ("I27",),
    ),
    Mutant(
        "a takeover ignores the pause",
        "take_over",
        Code(
            "_lease_update(opening, run, HELD_AS_SEEN, held, slot)",
            f"_lease_update({_WAIVED}, run, HELD_AS_SEEN, held, slot)",
        ),
        ("I27",),
    ),
    Mutant(
        "a claim without a lease does not read the pause",
        "_send_claim",
        Code("delivery.alone and delivery.paused is None and (yield from delivery.look_at_pause())", "False"),
        ("I27",),
    ),
    Mutant(
        "a plan of a paused job begins",
        "begin",
        Code("(yield from delivery.look_at_pause()) and (not reopens)", "False"),
        ("I27",),
    ),
    Mutant(
        "a job counts as paused without a pause",
        "Delivery.look_at_pause",
        Code("items.read_lease(item).paused > 0", "item is not None or items.read_lease(item).paused > 0"),
        ("I27",),
    ),
    Mutant(
        "what an operator requested while paused is passed over",
        "_hold_back",
        Code("claimant.while_paused or not isinstance(decision, _STARTS)", "not isinstance(decision, _STARTS)"),
        ("I27",),
    ),
    Mutant(
        "what waits for the resume has no carrier",
        "defer",
        Code(
            "yield from arm(delivery, holder, due)",
            """
            if why != PAUSED:
                yield from arm(delivery, holder, due)
            """,
        ),
        ("I8", "I17"),
    ),
    Mutant(
        "an occurrence that is passed over stays in the slot",
        "_end_buffered",
        Code("not in_slot", "not in_slot or closing.status == 'skipped'"),
        ("I13",),
    ),
    Mutant(
        "a plan that has started becomes skipped",
        "skip",
        Code("f'{PLANNED} AND {OF_THIS_EVENT}'", "OF_THIS_EVENT"),
        ("I19",),
    ),
    Mutant(
        "a skip of a plan is acknowledged before it is stored",
        "begin",
        Code("isinstance(answer, Done)", "isinstance(answer, Done) or passes_over"),
        ("I8", "I9", "I18"),
    ),
    Mutant(
        "a plan that a pause has skipped cannot be moved",
        "move",
        Code("current.status not in ('planned', *UNSTARTED_PLANS)", "current.status not in ('planned', 'missed')"),
        ("I19",),
    ),
)
