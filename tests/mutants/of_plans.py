"""Breakages of what holds between a plan's row, its schedules and its events: of who schedules, moves and cancels.

Not among them, for it changes nothing: that a confirmation asks for the revision. One that is noted for an older plan
says nothing of the newer, and the older schedule stays and brings that.
"""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a claim ignores the plan's revision",
        "ledger.py",
        'condition = f"({OPEN_ALONE} OR {PLANNED}) AND {SAME_REVISION} AND {SAME_PAYLOAD} AND {FENCE_GROWS}"',
        'condition = f"({OPEN_ALONE} OR {PLANNED}) AND {SAME_PAYLOAD} AND {FENCE_GROWS}"',
        ("I20",),
    ),
    Mutant(
        "a plan is missed by an event of any revision",
        "ledger.py",
        'condition = f"{PLANNED} AND {SAME_REVISION}"',
        "condition = PLANNED",
        ("I20",),
    ),
    Mutant(
        "a plan begins without its row",
        "ledger.py",
        'SAME_REVISION: Final = "#revision = :revision"',
        'SAME_REVISION: Final = "(attribute_not_exists(#revision) OR #revision = :revision)"',
        ("I2", "I12", "I17", "I19", "I20"),
    ),
    Mutant(
        "a move does not ask whether the plan is the one it has seen",
        "plans.py",
        "condition = f\"{PLANNED if seen.status == 'planned' else CANCELLED} AND {AS_SEEN}\"",
        "condition = PLANNED if seen.status == 'planned' else CANCELLED",
        ("I19", "I20"),
    ),
    Mutant(
        "a move does not raise the revision",
        "planning.py",
        "revision = max(host.now(), found.revision + 1)",
        "revision = found.revision",
        ("I20",),
    ),
    Mutant(
        "a plan that was cancelled keeps its time to live when it is planned anew",
        "plans.py",
        "REMOVE #confirmed, #ended, #reason, #ttl, #holder",
        "REMOVE #confirmed, #ended, #reason, #holder",
        ("I21",),
    ),
    Mutant(
        "the schedule is made before the row",
        "planning.py",
        "        answer = yield from send(plans.plan(wiring, order, revision, seen), host, reserve=RESERVE)\n",
        "        yield from _make(wiring, host, _written(wiring, order, revision, seen))\n"
        "        answer = yield from send(plans.plan(wiring, order, revision, seen), host, reserve=RESERVE)\n",
        ("I21",),
    ),
    Mutant(
        "the old schedule is deleted before the new one exists",
        "planning.py",
        "    for number in range(ROUNDS):\n"
        "        yield from _rest(host, number)\n"
        "        yield from _make(wiring, host, run)\n",
        "    for revision in outdated:\n"
        "        yield from send(plans.delete(wiring, run.key, revision), host, reserve=RESERVE, absent=True)\n"
        "    outdated = []\n"
        "    for number in range(ROUNDS):\n"
        "        yield from _rest(host, number)\n"
        "        yield from _make(wiring, host, run)\n",
        ("I18",),
    ),
    Mutant(
        "a schedule whose name is taken is not looked for",
        "planning.py",
        "        if isinstance(there, Done):\n            return\n        found = yield from _look",
        "        if there is not None:\n            return\n        found = yield from _look",
        ("I18",),
    ),
    Mutant(
        "unchanged is said of a plan without a schedule",
        "planning.py",
        'if found.status != "planned" or found.confirmed == found.revision:\n                return plan_of',
        "if found.revision:\n                return plan_of",
        ("I18",),
    ),
    Mutant(
        "who is overtaken leaves the newer plan to its maker",
        "planning.py",
        '        if found is None or found.status != "planned" or found.confirmed == found.revision:\n',
        "        if found is None or found.revision:\n",
        ("I18",),
    ),
    Mutant(
        "a cancel deletes the schedule before it settles the row",
        "planning.py",
        "            call = plans.cancel(wiring, key, found.revision, host.now(), found.due)\n",
        "            yield from send(plans.delete(wiring, key, found.revision), host, reserve=RESERVE, absent=True)\n"
        "            call = plans.cancel(wiring, key, found.revision, host.now(), found.due)\n",
        ("I18",),
    ),
    Mutant(
        "a cancel does not settle the row",
        "planning.py",
        "            answer = yield from send(call, host, reserve=RESERVE)\n            if isinstance",
        "            answer = call\n            if isinstance",
        ("I18", "I19"),
    ),
    Mutant(
        "a cancel does not ask whether the plan has begun",
        "plans.py",
        '    condition = f"{PLANNED} AND {AS_SEEN}"\n'
        "    return alone(wiring.ledger, run_key(wiring.job, planned_id(key)), change, condition, values)\n",
        "    condition = AS_SEEN\n"
        "    return alone(wiring.ledger, run_key(wiring.job, planned_id(key)), change, condition, values)\n",
        ("I19",),
    ),
    Mutant(
        "a cancel does not ask whether the plan is the one it has seen",
        "plans.py",
        '    condition = f"{PLANNED} AND {AS_SEEN}"\n'
        "    return alone(wiring.ledger, run_key(wiring.job, planned_id(key)), change, condition, values)\n",
        "    condition = PLANNED\n"
        "    return alone(wiring.ledger, run_key(wiring.job, planned_id(key)), change, condition, values)\n",
        ("I19",),
    ),
    Mutant(
        "an overtaken event is acknowledged, whatever becomes of its plan",
        "deferral.py",
        '    if run.status != "planned" or run.confirmed == run.revision:\n',
        "    if run.status:\n",
        ("I8",),
    ),
    Mutant(
        "an overtaken event is carried again, and not its plan's",
        "deferral.py",
        "    event = carrier.read_kept(run.event)\n",
        "    event = delivery.terms.event\n",
        ("I8", "I9", "I18"),
    ),
    Mutant(
        "a sweep overlooks what was never confirmed",
        "planning.py",
        "(unconfirmed or now - run.due > FORGOTTEN)",
        "(now - run.due > FORGOTTEN)",
        ("I21",),
    ),
    Mutant(
        "a stored move whose answer was lost is too late, once it has begun",
        "planning.py",
        "order.is_like(found):  # our own: its answer was lost",
        'order.is_like(found) and found.status == "planned":',
        ("I19",),
    ),
)
