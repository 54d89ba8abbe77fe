"""Breakages of what holds between a plan, its schedules, its events and its run: of planners and of the begin.

Not among them, because other protections hide them: that a plan of a key whose run outlived its first plan is refused
(too rare); that a plan which was begun at a great age gets its run after a crash between the two writes (too rare);
that the event of an overtaking plan is of its own key (the carrier's event is written anew); that a late plan is
recorded as missed, and not as begun (its run is missed in either case); that an event of another time than its run's is
overtaken (its claim is refused in any case); that a claim asks for the plan of the run (before it has seen the run it
claims none that has started).
"""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

_PLANNED = "PLANNED_OR_MISSED if reopens else PLANNED"
_BEGIN = f"f'{{{_PLANNED}}} AND {{OF_THIS_EVENT}}'"
_ALL_BUT_PLANS = "occurrence.revision is None or occurrence.by_operator or occurrence.hop is not None"

_ROWS: tuple[Mutant, ...] = (
    Mutant(
        "a begin ignores the plan's revision",
        "begin",
        Code(_BEGIN, "f'#status = :planned AND {OF_THIS_EVENT}'"),
        ("I20",),
    ),
    Mutant(
        "a begin ignores the plan's status",
        "begin",
        Code(_BEGIN, "f'#revision = :revision AND {OF_THIS_EVENT}'"),
        ("I19",),
    ),
    Mutant("a begin takes any event of its revision", "begin", Code(_BEGIN, _PLANNED), ("I20",)),
    Mutant(
        "a begin needs no plan",
        "begin",
        Code(_BEGIN, f"f'(attribute_not_exists(#status) OR ({{{_PLANNED}}} AND {{OF_THIS_EVENT}}))'"),
        ("I19", "I20", "I26"),
    ),
    Mutant("a plan is written over one that has begun", "AS_SEEN", Text("#status = :before AND ", ""), ("I19",)),
    Mutant(
        "a move does not ask whether the plan is the one it has seen",
        "AS_SEEN",
        Text(" AND #revision = :seen", ""),
        ("I19", "I20"),
    ),
    Mutant(
        "a first plan does not ask whether the key is free",
        "NEVER_PLANNED",
        Text("attribute_not_exists(#status)", "attribute_not_exists(#error)"),
        ("I18", "I19", "I20"),
    ),
    Mutant(
        "a cancel does not ask whether the plan has begun",
        "cancel",
        Code("PLANNED", "'#revision = :revision'"),
        ("I19",),
    ),
    Mutant(
        "a cancel does not ask whether the plan is the one it has seen",
        "cancel",
        Code("PLANNED", "'#status = :planned'"),
        ("I19",),
    ),
    Mutant(
        "a plan that was cancelled keeps its time to live when it is planned anew",
        "write",
        Code(
            "(f'#{name} = :{name}' for name in values)",
            "(f'#{name} = :{name}' for name in values if name != 'ttl' or seen is None)",
        ),
        ("I21",),
    ),
    Mutant(
        "a plan is forgotten before its run",
        "plan_ttl",
        Code("knobs.retention + knobs.horizon", "knobs.horizon"),
        ("I21",),
    ),
)

_BEGINS: tuple[Mutant, ...] = (
    Mutant(
        "a begin does not open the key",
        "begin",
        Code("delivery.may_begin = True; delivery.aged = False; return None", "return None"),
        ("I14",),
    ),
    Mutant(
        "a begin of great age counts as forgotten",
        "begin",
        Code("delivery.aged = False", ""),
        ("I9",),
    ),
    Mutant(
        "a plan that was begun long ago begins again",
        "begin",
        Code("delivery.aged and now - plan.begun > terms.knobs.horizon * 1000", "False"),
        ("I1", "I2", "I12", "I17"),
    ),
    Mutant(
        "a crash between the two writes loses the key",
        "begin",
        Code("plan is not None and own and plan.status == 'begun'", "plan is not None and own and not plan.status"),
        ("I8", "I9"),
    ),
    Mutant(
        "a crash between the two writes loses the miss",
        "begin",
        Code("own and run is not None and run.status == 'missed' and run.revision == of.revision", "False"),
        ("I8", "I9", "I16", "I24", "I25"),
    ),
    Mutant(
        "a run that exists asks its plan",
        "begin",
        Code("if _has_started(run): return None", ""),
        ("I8", "I9"),
    ),
    Mutant(
        "a plan that cannot be begun is carried for ever",
        "begin",
        Code("plan.revision == of.revision and plan.status in ('planned', 'missed')", "False"),
        ("I8", "I9"),
    ),
    Mutant(
        "an overtaken event is acknowledged, whatever becomes of its plan",
        "arm_plan",
        Code("plan.status != 'planned'", "plan.status"),
        ("I8",),
    ),
    Mutant(
        "an overtaken event is carried again, and not its plan's",
        "arm_plan",
        Code("_event_of(delivery, plan)", "carrier.kept_text(delivery.terms.event)"),
        ("I8", "I9", "I18"),
    ),
    Mutant(
        "a carrier brings what a planner wrote",
        "_event_of",
        Code("planned_event(job, plan.key, plan.revision, due=plan.due, input=told.input)", "plan.event"),
        ("I26",),
    ),
    Mutant(
        "a carrier of a key asks the plan first",
        "_begin_own",
        Code("occurrence.hop is None and not occurrence.by_operator", "True"),
        ("I14",),
    ),
    Mutant(
        "what a carrier or an operator brings does not begin",
        "_learn_alone",
        Code("run is None and not delivery.may_begin", "False"),
        ("I9",),
    ),
    Mutant(
        "a run of a key is created without a begin",
        "claim_alone",
        Code("OPEN_ALONE if may_begin else STARTED_ALONE", "OPEN_ALONE"),
        ("I19",),
    ),
    Mutant(
        "every delivery of a key may begin it",
        "Delivery.__init__",
        Code("of.revision is None", "True"),
        ("I19",),
    ),
    Mutant("a late plan starts", "_begin", Code("(yield from _miss_late(delivery))", "None"), ("I12",)),
    Mutant(
        "an event of another plan than the run's counts as its own",
        "decide_alone",
        Code("(run.revision, run.due) != (asking.revision, asking.due)", "False"),
        ("I9", "I14"),
    ),
    Mutant(
        "the alias for plans takes every event",
        "Invocation._deliver",
        Code("self._qualifier() == PLANS", "False"),
        ("I26",),
    ),
    Mutant(
        "the alias for plans takes the events of schedules",
        "refuse_all_but_plans",
        Code(_ALL_BUT_PLANS, "occurrence.by_operator or occurrence.hop is not None"),
        ("I26",),
    ),
    Mutant(
        "the alias for plans takes the events of operators",
        "refuse_all_but_plans",
        Code(_ALL_BUT_PLANS, "occurrence.revision is None or occurrence.hop is not None"),
        ("I26",),
    ),
    Mutant(
        "the alias for plans takes the events of carriers",
        "refuse_all_but_plans",
        Code(_ALL_BUT_PLANS, "occurrence.revision is None or occurrence.by_operator"),
        ("I26",),
    ),
)

_PLANNERS: tuple[Mutant, ...] = (
    Mutant(
        "a move does not raise the revision",
        "move",
        Code("max(host.now(), found.revision + 1)", "found.revision"),
        ("I20",),
    ),
    Mutant(
        "the schedule is made before the row",
        "schedule",
        Code(
            "answer = yield from _write(wiring, host, plan, seen)",
            """
            yield from _create(wiring, host, plan, 'planned')
            answer = yield from _write(wiring, host, plan, seen)
            """,
        ),
        ("I21",),
    ),
    Mutant(
        "the old schedule is deleted before the new one exists",
        "_create",
        Code(
            "made, again = plan, 0",
            """
            made, again = plan, 0
            if before is not None and before.status == 'planned':
                yield from _delete(wiring, host, plan.key, before.revision)
            """,
        ),
        ("I18",),
    ),
    Mutant(
        "a schedule whose name is taken is not looked for",
        "_create",
        Code(
            """
            if isinstance(there, Done):
                if carrier.is_ahead(there.fields, host.now()):
                    break
                again += 1
            """,
            "break",
        ),
        ("I18",),
    ),
    Mutant(
        "unchanged is said of a plan without a schedule",
        "schedule",
        Code("(yield from restore(wiring, host, found, made='unchanged'))", "plan_of(wiring.job, found)"),
        ("I18",),
    ),
    Mutant(
        "who is overtaken leaves the newer plan to its maker",
        "_create",
        Code(
            "found is None or found.status != 'planned'",
            "found is None or found.status != 'planned' or found.revision != plan.revision",
        ),
        ("I18",),
    ),
    Mutant(
        "what has begun is planned anew",
        "schedule",
        Code("not replace or found.status == 'begun'", "not replace"),
        ("I19",),
    ),
    Mutant(
        "what has begun is a conflict with itself",
        "schedule",
        Code("found.status == 'begun' or _is_known_miss(order, found, replace=replace)", "False"),
        ("I18",),
    ),
    Mutant(
        "what has begun is moved",
        "move",
        Code("found.status not in ('planned', 'missed')", "found.status == 'cancelled'"),
        ("I19",),
    ),
    Mutant(
        "a cancel deletes the schedule before it settles the row",
        "cancel",
        Code(
            "call = plan_requests.cancel(wiring.ledger, wiring.job, found, ttl=ttl)",
            """
            yield from _delete(wiring, host, key, found.revision)
            call = plan_requests.cancel(wiring.ledger, wiring.job, found, ttl=ttl)
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
        "a sweep overlooks what is due later",
        "is_left",
        Code("now - plan.revision > FORGOTTEN or now - plan.due > FORGOTTEN", "now - plan.due > FORGOTTEN"),
        ("I21",),
    ),
    Mutant(
        "a stored move whose answer was lost is too late, once it has begun",
        "move",
        Code(
            "found is not None and found.revision == plan.revision and order.is_like(found)",
            "found is not None and found.revision == plan.revision and order.is_like(found)"
            " and found.status == 'planned'",
        ),
        ("I19",),
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_ROWS, *_BEGINS, *_PLANNERS)
