"""Breakages of plans: their schedules, events and runs, the planners, and the start of a plan.

Some breakages are not in the list, because another check protects the same, or they are too rare:

  - a plan of a key whose run outlived its first plan is accepted (too rare)
  - a plan that was started at a great age gets no run after a crash between the two writes (too rare)
  - the event of an overtaking plan has another key (the carrier's event is built again)
  - a late plan is not recorded as missed (its run is missed in either case)
  - an event with another time than its run's is not overtaken (its claim is refused in any case)
  - a claim does not check the plan of the run (before it has read the run, it claims no started one)
"""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

_PLANNED = "PLANNED_OR_MISSED if reopens else PLANNED"
_BEGIN = f"f'{{{_PLANNED}}} AND {{OF_THIS_EVENT}}'"
_ALL_BUT_PLANS = "occurrence.revision is None or occurrence.by_operator or occurrence.hop is not None"

_ROWS: tuple[Mutant, ...] = (
    Mutant(
        "the start of a plan ignores its revision",
        "begin",
        Code(_BEGIN, "f'#status = :planned AND {OF_THIS_EVENT}'"),
        ("I20",),
    ),
    Mutant(
        "the start of a plan ignores its status",
        "begin",
        Code(_BEGIN, "f'#revision = :revision AND {OF_THIS_EVENT}'"),
        ("I19",),
    ),
    Mutant("the start of a plan takes any event of its revision", "begin", Code(_BEGIN, _PLANNED), ("I20",)),
    Mutant(
        "a key starts without a plan",
        "begin",
        Code(_BEGIN, f"f'(attribute_not_exists(#status) OR ({{{_PLANNED}}} AND {{OF_THIS_EVENT}}))'"),
        ("I19", "I20", "I26"),
    ),
    Mutant("a plan replaces a started one", "AS_SEEN", Text("#status = :before AND ", ""), ("I19",)),
    Mutant(
        "a move does not check the revision of the plan",
        "AS_SEEN",
        Text(" AND #revision = :seen", ""),
        ("I19", "I20"),
    ),
    Mutant(
        "a first plan does not check that the key has no plan",
        "NEVER_PLANNED",
        Text("attribute_not_exists(#status)", "attribute_not_exists(#error)"),
        ("I18", "I19", "I20"),
    ),
    Mutant(
        "a cancel does not check that the plan has not started",
        "cancel",
        Code("PLANNED", "'#revision = :revision'"),
        ("I19",),
    ),
    Mutant(
        "a cancel does not check the revision of the plan",
        "cancel",
        Code("PLANNED", "'#status = :planned'"),
        ("I19",),
    ),
    Mutant(
        "a cancelled plan keeps its time to live when it is planned again",
        "write",
        Code(
            "(f'#{name} = :{name}' for name in values)",
            "(f'#{name} = :{name}' for name in values if name != 'ttl' or seen is None)",
        ),
        ("I21",),
    ),
    Mutant(
        "a plan expires before its run",
        "plan_ttl",
        Code("knobs.retention + knobs.horizon", "knobs.horizon"),
        ("I21",),
    ),
)

_BEGINS: tuple[Mutant, ...] = (
    Mutant(
        "the start of a plan does not allow the claim",
        "begin",
        Code("delivery.may_begin = True; delivery.aged = False; return None", "return None"),
        ("I14",),
    ),
    Mutant(
        "a plan that is started at a great age counts as expired",
        "begin",
        Code("delivery.aged = False", ""),
        ("I9",),
    ),
    Mutant(
        "a plan that was started long ago starts again",
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
        "an existing run depends on its plan",
        "begin",
        Code("if _has_started(run): return None", ""),
        ("I8", "I9"),
    ),
    Mutant(
        "a plan that cannot be started has carriers for ever",
        "begin",
        Code("plan.revision == of.revision and plan.status in ('planned', 'missed')", "False"),
        ("I8", "I9"),
    ),
    Mutant(
        "an overtaken event is acknowledged without a carrier for its plan",
        "arm_plan",
        Code("plan.status != 'planned'", "plan.status"),
        ("I8",),
    ),
    Mutant(
        "an overtaken event has a carrier, instead of its plan's event",
        "arm_plan",
        Code("_event_of(delivery, plan)", "carrier.stored_text(delivery.terms.event)"),
        ("I8", "I9", "I18"),
    ),
    Mutant(
        "a carrier has the event that a planner wrote",
        "_event_of",
        Code("planned_event(job, plan.key, plan.revision, due=plan.due, input=stored.input)", "plan.event"),
        ("I26",),
    ),
    Mutant(
        "a carrier of a key starts the plan first",
        "_begin_own",
        Code("occurrence.hop is None and not occurrence.by_operator", "True"),
        ("I14",),
    ),
    Mutant(
        "an event of a carrier or an operator starts no plan",
        "_read_refusal_alone",
        Code("run is None and not delivery.may_begin", "False"),
        ("I9",),
    ),
    Mutant(
        "a run of a key is created without starting its plan",
        "claim_without_lease",
        Code("OPEN_WITHOUT_LEASE if may_begin else STARTED_WITHOUT_LEASE", "OPEN_WITHOUT_LEASE"),
        ("I19",),
    ),
    Mutant(
        "every delivery of a key may start it",
        "Delivery.__init__",
        Code("of.revision is None", "True"),
        ("I19",),
    ),
    Mutant("a late plan starts", "_begin", Code("(yield from _miss_late(delivery))", "None"), ("I12",)),
    Mutant(
        "an event of another plan than the run's counts as its own",
        "_decide_alone",
        Code("(run.revision, run.due) != (claimant.revision, claimant.due)", "False"),
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
        Code("max(host.now(), current.revision + 1)", "current.revision"),
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
            if isinstance(existing, Done):
                if carrier.is_ahead(existing.fields, host.now()):
                    break
                again += 1
            """,
            "break",
        ),
        ("I18",),
    ),
    Mutant(
        "a plan without a schedule is reported as unchanged",
        "schedule",
        Code("(yield from restore(wiring, host, current, made='unchanged'))", "plan_of(wiring.job, current)"),
        ("I18",),
    ),
    Mutant(
        "an overtaken caller does not create the schedule of the newer plan",
        "_create",
        Code(
            "current is None or current.status != 'planned'",
            "current is None or current.status != 'planned' or current.revision != plan.revision",
        ),
        ("I18",),
    ),
    Mutant(
        "a started plan is planned again",
        "schedule",
        Code("not replace or current.status == 'begun'", "not replace"),
        ("I19",),
    ),
    Mutant(
        "a started plan conflicts with the same order",
        "schedule",
        Code("current.status == 'begun' or _is_known_miss(order, current, replace=replace)", "False"),
        ("I18",),
    ),
    Mutant(
        "a started plan is moved",
        "move",
        Code("current.status not in ('planned', *UNSTARTED_PLANS)", "current.status == 'cancelled'"),
        ("I19",),
    ),
    Mutant(
        "a cancel deletes the schedule before it changes the row",
        "cancel",
        Code(
            "call = plan_requests.cancel(wiring.ledger, wiring.job, current, ttl=ttl)",
            """
            yield from _delete(wiring, host, key, current.revision)
            call = plan_requests.cancel(wiring.ledger, wiring.job, current, ttl=ttl)
            """,
        ),
        ("I18",),
    ),
    Mutant(
        "a cancel does not change the row",
        "cancel",
        Code("yield from send(call, host, reserve=RESERVE)", "call"),
        ("I18", "I19"),
    ),
    Mutant(
        "a sweep ignores plans that are due later",
        "needs_sweep",
        Code(
            "now - plan.revision > ABANDONED_AFTER or now - plan.due > ABANDONED_AFTER",
            "now - plan.due > ABANDONED_AFTER",
        ),
        ("I21",),
    ),
    Mutant(
        "a stored move whose answer was lost is too late after its start",
        "move",
        Code(
            "current is not None and current.revision == plan.revision and order.is_like(current)",
            "current is not None and current.revision == plan.revision and order.is_like(current)"
            " and current.status == 'planned'",
        ),
        ("I19",),
    ),
)

MUTANTS: tuple[Mutant, ...] = (*_ROWS, *_BEGINS, *_PLANNERS)
