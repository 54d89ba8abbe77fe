"""Breakages of the slot: of its order, of the carriers of what waits in it, and of how it is left."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a newcomer starts before what waits in the slot",
        "ledger.py",
        '    elif run is None:\n        condition = f"{condition} AND {SLOT_FREE}"\n',
        "",
        ("I22",),
    ),
    Mutant(
        "what waits in the slot counts as gone",
        "slot.py",
        'if run is not None and run.status == "buffered":',
        "if run is None:",
        ("I13", "I22"),
    ),
    Mutant(
        "a newcomer makes way without a carrier for what waits",
        "slot.py",
        '    yield from arm_slot(delivery, waiting.occurrence, event, event.get("carrier"))\n',
        "    yield from ()\n",
        ("I13",),
    ),
    Mutant(
        "a newcomer makes way without a carrier of its own",
        "slot.py",
        'return (yield from defer(delivery, waiting.occurrence, after_look(delivery), "slot"))',
        'return Outcome("deferred", reason="slot")',
        ("I8",),
    ),
    Mutant(
        "each delivery has a carrier of its own for what waits",
        "deferral.py",
        "carrier.kind_of(event), carrier.SLOT, number)",
        "carrier.kind_of(event), delivery.holder, number)",
        ("I22",),
    ),
    Mutant(
        "what waited is claimed without its slot",
        "slot.py",
        'return own if run.status == "buffered" and delivery.in_slot else None',
        "return None",
        ("I13",),
    ),
    Mutant(
        "buffered is acknowledged without a carrier",
        "claim.py",
        'return (yield from defer_in_slot(delivery, "overlap", status="buffered"))',
        'return Outcome("buffered")',
        ("I8",),
    ),
    Mutant(
        "what waits in the slot is not carried on",
        "deferral.py",
        "        return (yield from defer_in_slot(delivery, decision.why))\n",
        '        return Outcome("deferred", reason=decision.why)\n',
        ("I8",),
    ),
)
