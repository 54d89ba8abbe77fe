"""Breakages of the handling of Scheduler's refusals and conflicts, and of services that do not answer.

The growth of the lead after a refused time is not in the list: an earlier answer has shown the time, so the first lead
suffices.
"""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a schedule that is sent again keeps its first time",
        "ScheduleBuilder.__call__",
        Code("return self.call", "self._due, self._now = due, lambda: 0; return self.call"),
        ("I8", "I9", "I10"),
        "past-at=refused",
    ),
    Mutant(
        "a schedule is made for a time that is nearly past",
        "LEADS",
        Code("(15, 60, 300, 900)", "(0, 60, 300, 900)"),
        ("I8", "I9"),
        "past-at=ignored",
    ),
    Mutant(
        "a schedule that is sent again has another name",
        "ScheduleBuilder.__call__",
        Code("self._name", "f'{self._name[:-8]}{self._now() % 10**8:08}'"),
        ("I18", "I21", "I22"),
    ),
    Mutant(
        "a request with a refused time is not repeated",
        "send",
        Code("answer.code == INVALID and not isinstance(call, Call)", "False"),
        ("I10",),
        "role-delay",
    ),
    Mutant(
        "a conflict counts as an existing carrier",
        "make_carrier",
        Code(
            "existing = yield from send(carrier.get(way, named), host, reserve=reserve, absent=True)",
            "existing = Done({})",
        ),
        ("I8",),
        "create-conflicts",
    ),
    Mutant(
        "a carrier that is not shown counts as made",
        "make_carrier",
        Code(
            "rest = pause * (0.5 + host.randomness.random() / 2)",
            """
            if not isinstance(existing, Done):
                return
            rest = pause * (0.5 + host.randomness.random() / 2)
            """,
        ),
        ("I8",),
        "create-conflicts",
    ),
    Mutant(
        "a plan's schedule that is not shown counts as made",
        "_create",
        Code(
            "current = yield from _look(wiring, host, plan.key)",
            """
            if not isinstance(existing, Done):
                break
            current = yield from _look(wiring, host, plan.key)
            """,
        ),
        ("I18", "I21"),
    ),
    Mutant(
        "a refused signature is not sent again",
        "_PASSING",
        Text("InvalidSignatureException", "InvalidSignature"),
        ("I10",),
        "clock-skew=600",
    ),
    Mutant(
        "a request may hang until the deadline",
        "request_limit",
        Code("min(LONGEST, max(left, 0.0) / 2)", "max(left, 0.0)"),
        ("I10",),
        "hanging",
    ),
    Mutant(
        "a carrier for a time that may be past counts as made",
        "make_carrier",
        Code("isinstance(made, Done) and build.is_ahead", "isinstance(made, Done)"),
        ("I8", "I13"),
        "past-at=ignored",
    ),
    Mutant(
        "a carrier whose time is past counts as waiting",
        "make_carrier",
        Code("carrier.is_ahead(existing.fields, host.now())", "True"),
        ("I8", "I9", "I13"),
        "past-at=ignored",
    ),
    Mutant(
        "a carrier that may never fire is made again under its own name",
        "make_carrier",
        Code("again, pause = again + 1, FIRST_PAUSE", ""),
        ("I10",),
        "past-at=ignored",
    ),
    Mutant(
        "a plan's schedule for a time that may be past counts as made",
        "_create",
        Code("isinstance(answer, Done) and build.is_ahead", "isinstance(answer, Done)"),
        ("I18",),
        "past-at=ignored",
    ),
    Mutant(
        "a plan's schedule whose time is past counts as waiting",
        "_create",
        Code("carrier.is_ahead(existing.fields, host.now())", "True"),
        ("I18",),
        "past-at=ignored",
    ),
    Mutant(
        "a plan is unchanged though its schedule may never fire",
        "restore",
        Code(
            "isinstance(existing, Done) and carrier.is_ahead(existing.fields, host.now())", "isinstance(existing, Done)"
        ),
        ("I18",),
        "past-at=ignored",
    ),
    Mutant(
        "a deferral to a running attempt stores no event for operators",
        "defer",
        Code("yield from send(call, delivery.host, reserve=delivery.reserve)", ""),
        ("I25",),
        "missing-role",
    ),
    Mutant(
        "a run that waits for a further attempt is not listed for operators",
        "UNLISTED",
        Text(
            " AND (attribute_not_exists(#event) OR attribute_not_exists(#listed))", " AND attribute_not_exists(#event)"
        ),
        ("I25",),
        "missing-role",
    ),
)
