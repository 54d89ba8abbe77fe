"""Breakages of what holds between a plan's row, its schedules and its events: of who schedules, moves and cancels.

Not among them, for it changes nothing: that a confirmation asks for the revision. One that is noted for an older plan
says nothing of the newer, and the older schedule stays and brings that.
"""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a claim ignores the plan's revision",
        "claim_alone",
        Code(
            "f'({OPEN_ALONE} OR {PLANNED}) AND {SAME_REVISION} AND {SAME_PAYLOAD} AND {FENCE_GROWS}'",
            "f'({OPEN_ALONE} OR {PLANNED}) AND {SAME_PAYLOAD} AND {FENCE_GROWS}'",
        ),
        ("I20",),
    ),
    Mutant(
        "a plan is missed by an event of any revision",
        "skip",
        Code("f'{PLANNED} AND {SAME_REVISION}'", "PLANNED"),
        ("I20",),
    ),
    Mutant(
        "a plan begins without its row",
        "SAME_REVISION",
        Text("#revision = :revision", "(attribute_not_exists(#revision) OR #revision = :revision)"),
        ("I2", "I12", "I17", "I19", "I20"),
    ),
    Mutant(
        "a move does not ask whether the plan is the one it has seen",
        "plan",
        Code(
            "f\"{PLANNED if seen.status == 'planned' else CANCELLED} AND {AS_SEEN}\"",
            "PLANNED if seen.status == 'planned' else CANCELLED",
        ),
        ("I19", "I20"),
    ),
    Mutant(
        "a move does not raise the revision",
        "move",
        Code("max(host.now(), found.revision + 1)", "found.revision"),
        ("I20",),
    ),
    Mutant(
        "a plan that was cancelled keeps its time to live when it is planned anew",
        "plan",
        Text("#reason, #ttl, #holder", "#reason, #holder"),
        ("I21",),
    ),
    Mutant(
        "the schedule is made before the row",
        "schedule",
        Code(
            "revision = max(host.now(), (seen.revision if seen else 0) + 1)",
            """
            revision = max(host.now(), (seen.revision if seen else 0) + 1)
            yield from _make(wiring, host, _written(wiring, order, revision, seen))
            """,
        ),
        ("I21",),
    ),
    Mutant(
        "the old schedule is deleted before the new one exists",
        "_see_to",
        Code(
            "outdated = [before.revision] if before is not None and before.status == 'planned' else []",
            """
            outdated = [before.revision] if before is not None and before.status == 'planned' else []
            for revision in outdated:
                yield from send(schedules.delete(wiring, run.key, revision), host, reserve=RESERVE, absent=True)
            outdated = []
            """,
        ),
        ("I18",),
    ),
    Mutant(
        "a schedule whose name is taken is not looked for",
        "_make",
        Code("isinstance(there, Done)", "there is not None"),
        ("I18",),
    ),
    Mutant(
        "unchanged is said of a plan without a schedule",
        "schedule",
        Code("found.status != 'planned' or found.confirmed == found.revision", "found.revision"),
        ("I18",),
    ),
    Mutant(
        "who is overtaken leaves the newer plan to its maker",
        "_see_to",
        Code(
            "found is None or found.status != 'planned' or found.confirmed == found.revision",
            "found is None or found.revision",
        ),
        ("I18",),
    ),
    Mutant(
        "a cancel deletes the schedule before it settles the row",
        "cancel",
        Code(
            "call = plan_requests.cancel(wiring, key, found.revision, host.now(), found.due)",
            """
            yield from send(schedules.delete(wiring, key, found.revision), host, reserve=RESERVE, absent=True)
            call = plan_requests.cancel(wiring, key, found.revision, host.now(), found.due)
            """,
        ),
        ("I18",),
    ),
    Mutant(
        "a cancel does not settle the row",
        "cancel",
        Code("yield from send(call, host, reserve=RESERVE)", "call"),
        ("I18", "I19"),
    ),
    Mutant(
        "a cancel does not ask whether the plan has begun",
        "cancel",
        Code("f'{PLANNED} AND {AS_SEEN}'", "AS_SEEN"),
        ("I19",),
    ),
    Mutant(
        "a cancel does not ask whether the plan is the one it has seen",
        "cancel",
        Code("f'{PLANNED} AND {AS_SEEN}'", "PLANNED"),
        ("I19",),
    ),
    Mutant(
        "an overtaken event is acknowledged, whatever becomes of its plan",
        "arm_plan",
        Code("run.status != 'planned' or run.confirmed == run.revision", "run.status"),
        ("I8",),
    ),
    Mutant(
        "an overtaken event is carried again, and not its plan's",
        "arm_plan",
        Code("carrier.read_kept(run.event)", "delivery.terms.event"),
        ("I8", "I9", "I18"),
    ),
    Mutant(
        "a sweep overlooks what was never confirmed",
        "is_left",
        Code("unconfirmed or now - run.due > FORGOTTEN", "now - run.due > FORGOTTEN"),
        ("I21",),
    ),
    Mutant(
        "a stored move whose answer was lost is too late, once it has begun",
        "move",
        Code(
            "found is not None and found.revision == revision and order.is_like(found)",
            "found is not None and found.revision == revision and order.is_like(found) and found.status == 'planned'",
        ),
        ("I19",),
    ),
)
