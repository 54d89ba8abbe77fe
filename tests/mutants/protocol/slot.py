"""Breakages of the slot: its order, the carriers of the occurrence in it, and its release."""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a newcomer starts before the occurrence in the slot",
        "_lease_update",
        Code(
            """
            if run is None or run.status == 'missed':
                condition = f'{condition} AND {SLOT_FREE}'
            """,
            "",
        ),
        ("I22",),
    ),
    Mutant(
        "the occurrence in the slot counts as gone",
        "look_at_waiting",
        Code("run is not None and run.status == 'buffered'", "run is None"),
        ("I13", "I22"),
    ),
    Mutant(
        "a newcomer gives way without a carrier for the occurrence in the slot",
        "ensure_carrier",
        Code("arm_slot(delivery, waiting.occurrence, event, event.get('carrier'))", "()"),
        ("I13",),
        "create-throttled",
    ),
    Mutant(
        "a newcomer gives way without its own carrier",
        "give_way",
        Code(
            "yield from defer(delivery, waiting.occurrence, after_next_check(delivery), 'slot')",
            "Outcome('deferred', reason='slot')",
        ),
        ("I8",),
    ),
    Mutant(
        "each delivery makes its own carrier for the occurrence in the slot",
        "arm_slot",
        Code("carrier.SLOT", "delivery.holder"),
        ("I22",),
    ),
    Mutant(
        "a buffered occurrence is claimed without freeing the slot",
        "leaving",
        Code("own if run.status == 'buffered' and delivery.in_slot else None", "None"),
        ("I13",),
    ),
    Mutant(
        "a buffered event is acknowledged without a carrier",
        "_carry_out",
        Code("yield from defer_in_slot(delivery, 'overlap', status='buffered')", "Outcome('buffered')"),
        ("I8",),
    ),
    Mutant(
        "a buffered occurrence has no further carrier",
        "defer_waiting",
        Code("yield from defer_in_slot(delivery, decision.why)", "Outcome('deferred', reason=decision.why)"),
        ("I8",),
    ),
)
