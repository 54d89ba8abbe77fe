"""Breakages of what holds when Scheduler refuses, reports conflicts, or when a service does not answer at all."""

from __future__ import annotations

from tests.mutants.edit import Code, Text
from tests.mutants.mutant import Mutant

_CREATE = "create(way, name, event, max(due, now() + lead(refusals)), oldest=oldest, asked=asked)"

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a schedule that is sent again keeps its first time",
        "build",
        Code(
            f"return lambda refusals: {_CREATE}",
            """
            first = create(way, name, event, max(due, now() + lead()), oldest=oldest, asked=asked)
            return lambda refusals: first
            """,
        ),
        ("I8", "I9"),
    ),
    Mutant(
        "the lead does not grow when Scheduler refuses a time",
        "lead",
        Code("min(refusals, len(LEADS) - 1)", "0"),
        ("I9",),
    ),
    Mutant(
        "a schedule is made for a time that is nearly past",
        "LEADS",
        Code("(15, 60, 300, 900)", "(0, 60, 300, 900)"),
        ("I8", "I9"),
    ),
    Mutant(
        "a schedule that is sent again has another name",
        "build",
        Code(
            _CREATE,
            """
            create(
                way, f'{name[:-8]}{now() % 10**8:08}', event, max(due, now() + lead(refusals)), oldest=oldest,
                asked=asked,
            )
            """,
        ),
        ("I18", "I21", "I22"),
    ),
    Mutant(
        "a refused time is not asked for again",
        "send",
        Code("answer.code == INVALID and not isinstance(call, Call)", "False"),
        ("I9",),
    ),
    Mutant(
        "a conflict is taken for a carrier that exists",
        "make_carrier",
        Code(
            "found = yield from send(carrier.get(way, name), host, reserve=TIME_TO_TELL, absent=True)",
            "found = Done({})",
        ),
        ("I8",),
    ),
    Mutant(
        "a carrier that is not shown counts as made",
        "make_carrier",
        Code("isinstance(found, Done)", "found"),
        ("I8",),
    ),
    Mutant(
        "a plan's schedule that is not shown counts as made",
        "_create",
        Code("isinstance(there, Done)", "there"),
        ("I18", "I21"),
    ),
    Mutant(
        "a refused signature is not sent again",
        "_PASSING",
        Text("InvalidSignatureException", "InvalidSignature"),
        ("I9",),
    ),
    Mutant(
        "a request may hang until the deadline",
        "request_limit",
        Code("min(LONGEST, max(left, 0.0) / 2)", "max(left, 0.0)"),
        ("I9", "I15"),
    ),
)
