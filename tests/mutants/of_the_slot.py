"""Breakages of the slot: of its order, of the carriers of what waits in it, and of how it is left."""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a newcomer starts before what waits in the slot",
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
        "what waits in the slot counts as gone",
        "look_at_waiting",
        Code("run is not None and run.status == 'buffered'", "run is None"),
        ("I13", "I22"),
    ),
    Mutant(
        "a newcomer makes way without a carrier for what waits",
        "bring",
        Code("arm_slot(delivery, waiting.occurrence, event, event.get('carrier'))", "()"),
        ("I13",),
        "create-throttled",
    ),
    Mutant(
        "a newcomer makes way without a carrier of its own",
        "stand_aside",
        Code(
            "yield from defer(delivery, waiting.occurrence, after_look(delivery), 'slot')",
            "Outcome('deferred', reason='slot')",
        ),
        ("I8",),
    ),
    Mutant(
        "each delivery has a carrier of its own for what waits",
        "arm_slot",
        Code("carrier.SLOT", "delivery.holder"),
        ("I22",),
    ),
    Mutant(
        "what waited is claimed without its slot",
        "leaves",
        Code("own if run.status == 'buffered' and delivery.in_slot else None", "None"),
        ("I13",),
    ),
    Mutant(
        "buffered is acknowledged without a carrier",
        "_carry_out",
        Code("yield from defer_in_slot(delivery, 'overlap', status='buffered')", "Outcome('buffered')"),
        ("I8",),
    ),
    Mutant(
        "what waits in the slot is not carried on",
        "wait_elsewhere",
        Code("yield from defer_in_slot(delivery, decision.why)", "Outcome('deferred', reason=decision.why)"),
        ("I8",),
    ),
)
