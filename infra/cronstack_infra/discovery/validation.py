"""Validate every value of one job's declaration. Report all faults at once, each with a valid example.

``@job`` only records its arguments (see ``cronstack.declaration``), so types are checked here, too. Limits are those of
AWS, unless a message states another reason. Pure.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cronstack.declaration import ONCE, Job, When
from cronstack.errors import DeclarationError, EventError, ScheduleError
from cronstack.payload import check_input
from cronstack.settings import RESERVED_PREFIXES
from cronstack.timetable.expressions import At, Rate
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.discovery import rates
from cronstack_infra.discovery.windows import window_faults

EXAMPLE_ZONE: Final = "Europe/Berlin"
MOST_SCHEDULES: Final = 99
SHORTEST_BUFFERED: Final = 180
"""Shortest start deadline with overlap="buffer_one", in seconds."""
SHORTEST_OF_PLANS: Final = 120
"""Shortest start deadline with ``once()``, in seconds. A plan fires 15 s ahead at least, and up to 60 s late."""
SHORTEST_LEASE: Final = 10
"""Seconds."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ENV_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+", re.ASCII)
_REFERENCE = re.compile(r"\{\{resolve:[^\s\"}]*\}{0,2}")
_EXPRESSION = re.compile(r"\b(cron|rate|at)\(([^()\"]+)\)")

_WHOLE_NUMBERS: Final = (
    ("retries", 0, 20, "times", "the pauses grow to an hour, so the last retry comes after 15 hours"),
    ("timeout", 1, 900, "seconds", "the limits of Lambda"),
    ("memory", 128, 10240, "megabytes", "the sizes of Lambda"),
    ("start_deadline", 60, 86400, "seconds", "the limits of Scheduler and the ledger"),
    ("alert_after", 1, 100, "failed runs in a row", "the watchdog reads no more runs of a job"),
    ("late_after", 60, 86400, "seconds", "the watchdog looks every few minutes"),
)

_CALLS: Final = {
    "cron": f'cron("0 6 * * ? *", timezone="{EXAMPLE_ZONE}")',
    "rate": 'rate("5 minutes")',
    "at": f'at("2199-12-24T18:00:00", timezone="{EXAMPLE_ZONE}")',
    "once": "once()",
}

Fault = tuple[str, str]
"""A fault and its remedy."""


def judge(job: Job, where: str) -> tuple[tuple[Schedule, ...], list[DeclarationError]]:
    """Return the job's schedules and all faults of its declaration. ``where`` is "file:line"."""
    schedules: list[Schedule] = []
    faults = [
        *_name(job),
        *_handler(job),
        *_schedules(job, schedules),
        *_policies(job),
        *_alerts(job),
        *_input(job),
        *_env(job),
    ]
    return tuple(schedules), [DeclarationError(reason, where=where, remedy=remedy) for reason, remedy in faults]


def _name(job: Job) -> Iterator[Fault]:
    remedy = 'Use 1 to 64 letters, digits, "_" and "-": @job(name="daily_stats", ...).'
    if not isinstance(job.name, str):
        yield f"name={_shown(job.name)} is {_kind(job.name)}; it must be text", remedy
    elif not _NAME.fullmatch(job.name):
        yield f"{_shown(job.name)} is not a valid name of a job", remedy


def _handler(job: Job) -> Iterator[Fault]:
    function = job.function
    remedy = "Write it like this: def daily_stats(run: Run) -> dict[str, int]: ..."
    if "<" in function.__qualname__ or "." in function.__qualname__:
        yield (
            f"the handler is {function.__qualname__}, which Lambda cannot find by its name",
            "Put @job above a function at the top level of the module.",
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield (
            f"the handler {function.__name__} is async, but Lambda does not await it",
            "Make it a plain function, and call asyncio.run(...) inside.",
        )
    elif inspect.isgeneratorfunction(function):
        yield f"the handler {function.__name__} is a generator, so a call would run nothing", "Return a value instead."
    parameters = list(inspect.signature(function).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if len(parameters) != 1 or parameters[0].kind not in positional:
        taken = ", ".join(map(str, parameters)) or "nothing"
        yield f"the handler {function.__name__} takes {taken}; it must take exactly one argument, the run", remedy


def _schedules(job: Job, valid: list[Schedule]) -> Iterator[Fault]:
    """Yield the faults of the schedules. Add the valid ones to ``valid``."""
    written = job.schedules
    if written and all(isinstance(part, str) for part in written):
        text = "".join(str(part) for part in written)
        remedy = f"Write {_as_code(text, EXAMPLE_ZONE)}." if _EXPRESSION.fullmatch(text) else _example("schedule")
        yield f"schedule={_shown(text)} is text; it must be a call of cron(), rate(), at() or once()", remedy
        return
    if len(written) > MOST_SCHEDULES:
        yield f"the job has {len(written)} schedules; the limit is {MOST_SCHEDULES}", "Split it into several jobs."
        return
    seen: dict[Schedule, int] = {}
    for number, when in enumerate(written, 1):
        which = f"schedule {number}: " if len(written) > 1 else ""
        if maker := _maker(when):
            yield f"{which}{maker} needs parentheses", f"Write {_CALLS[maker]}."
            continue
        if not isinstance(when, When):
            reason = f"{which}{_shown(when)} is {_kind(when)}; it must be a call of cron(), rate(), at() or once()"
            yield reason, _example("schedule")
            continue
        if when.expression == ONCE:
            if written.count(when) > 1:
                yield f"{which}once() is given twice", "Give it once: it allows any number of one-time occurrences."
            continue
        faults = [*(found := list(_when(when))), *window_faults(job, when, readable=not found)]
        yield from ((which + reason, remedy) for reason, remedy in faults)
        if faults:
            continue
        schedule = parse(
            when.expression, timezone=when.timezone or "", start=when.start, end=when.end, window=when.window or 0
        )
        if schedule in seen:
            yield f"schedules {seen[schedule]} and {number} are the same: {schedule.expression}", "Remove one."
        seen[schedule] = number
        valid.append(schedule)


def _when(when: When) -> Iterator[Fault]:
    """Yield all faults of one schedule. Expression, zone and span are checked separately."""
    zone = when.timezone if isinstance(when.timezone, str) else EXAMPLE_ZONE
    refused = _refusal(lambda: parse(when.expression))
    if refused is not None:
        yield str(refused.args[0]), _as_code(refused.remedy, zone)
    elif not parse(when.expression).is_possible():
        yield f"{when.expression} never fires: the calendar has no such day", "Correct day-of-month, month or year."
    unknown = _refusal(lambda: parse("rate(1 day)", timezone=zone))
    if when.timezone is None:
        code = _as_code(when.expression, EXAMPLE_ZONE) if refused is None else f'timezone="{EXAMPLE_ZONE}"'
        yield f'{when.expression} has no time zone; give "UTC" if you mean UTC', f"For example {code}."
    elif unknown is not None:
        yield str(unknown.args[0]), unknown.remedy
    elif not isinstance(when.timezone, str):
        yield f"timezone={_shown(when.timezone)} is {_kind(when.timezone)}; it must be a name", _example("schedule")
    span = _refusal(lambda: parse("rate(1 day)", start=when.start, end=when.end))
    if span is not None:
        yield str(span.args[0]), span.remedy
    elif refused is None and unknown is None:
        yield from undeployable(parse(when.expression, timezone=zone, start=when.start))


def undeployable(schedule: Schedule) -> Iterator[Fault]:
    """Yield faults of values with which a template could not be deployed, updated and rolled back at any time."""
    value = schedule.value
    if isinstance(value, Rate) and schedule.start is not None:
        reason = (
            f"{schedule.expression} has a start. AWS refuses a start in the past, so a later deploy or rollback would "
            "fail"
        )
        yield reason, rates.remedy(value, schedule.start)
    if isinstance(value, At) and schedule.due(value).second:
        yield (
            f"{schedule.expression} has seconds, but Scheduler fires at any second of the minute",
            f'Write at("{value.local.replace(second=0).isoformat()}", timezone="{schedule.timezone}").',
        )


def _refusal(attempt: Callable[[], object]) -> ScheduleError | None:
    try:
        attempt()
    except ScheduleError as refused:
        return refused
    return None


def _policies(job: Job) -> Iterator[Fault]:
    if job.overlap not in ("skip", "buffer_one", "allow"):
        yield f'overlap={_shown(job.overlap)} is not valid; use "skip", "buffer_one" or "allow"', _example("overlap")
    if job.overlap == "buffer_one" and type(job.start_deadline) is int and job.start_deadline < SHORTEST_BUFFERED:
        yield (
            f'overlap="buffer_one" with start_deadline={job.start_deadline}: a waiting run is checked once a minute, '
            "and Scheduler may be another minute late, so it would usually be missed",
            f"Use at least {SHORTEST_BUFFERED}.",
        )
    if job.by_code and type(job.start_deadline) is int and 60 <= job.start_deadline < SHORTEST_OF_PLANS:
        yield (
            f"once() with start_deadline={job.start_deadline}: AWS may start a plan that is due now more than a minute "
            "late, so it could be missed",
            f"Use at least {SHORTEST_OF_PLANS}.",
        )
    for field, least, most, unit, reason in _WHOLE_NUMBERS:
        value = getattr(job, field)
        if type(value) is not int:
            reason = (
                f"{field}={_shown(value)} is {_kind(value)}; it must be a whole number of {unit}, {least} to {most}"
            )
            yield reason, _example(field)
        elif not least <= value <= most:
            yield f"{field}={_shown(value)} is not within {least} to {most} {unit} ({reason})", _example(field)
    if job.lease is not None and type(job.lease) is not int:
        yield f"lease={_shown(job.lease)} is {_kind(job.lease)}; it must be a number of seconds", _example("lease")
    elif job.lease is not None and type(job.timeout) is int and not SHORTEST_LEASE <= job.lease <= job.timeout:
        reason = f"lease={job.lease} is not within {SHORTEST_LEASE} seconds and the timeout of {job.timeout}"
        yield f"{reason}: it would end before the handler can renew it, or never", _example("lease")
    if type(job.enabled) is not bool:
        yield f"enabled={_shown(job.enabled)} is {_kind(job.enabled)}; it must be True or False", _example("enabled")
    for kind in job.permanent:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            yield f"permanent contains {_shown(kind)}, which is not an exception class", _example("permanent")


def _alerts(job: Job) -> Iterator[Fault]:
    """Yield the faults of what the watchdog reads."""
    given = job.overrun_after
    if given is not None and type(given) is not int:
        reason = f"overrun_after={_shown(given)} is {_kind(given)}; it must be a number of seconds"
        yield reason, _example("overrun_after")
    elif given is not None and not 1 <= given <= 86400:
        yield f"overrun_after={given} is not within 1 to 86400 seconds (a day)", _example("overrun_after")
    if job.on_missed not in ("report", "run"):
        yield f'on_missed={_shown(job.on_missed)} is not valid; use "report" or "run"', _example("on_missed")


def _input(job: Job) -> Iterator[Fault]:
    try:
        check_input(job.input)
    except EventError as fault:
        yield f"@job(input=...): {fault.args[0]}", fault.remedy
        return
    yield from _references(json.dumps(job.input, ensure_ascii=False), "input")


def _env(job: Job) -> Iterator[Fault]:
    if not isinstance(job.env, Mapping):
        yield f"env={_shown(job.env)} is {_kind(job.env)}; it must map names to text", _example("env")
        return
    for name, value in job.env.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            reason = f"env has the name {_shown(name)}; use two or more letters, digits and _, beginning with a letter"
            yield reason, _example("env")
        elif name.startswith(RESERVED_PREFIXES):
            prefixes = ", ".join(RESERVED_PREFIXES)
            yield f"env has the name {name}, which is reserved ({prefixes})", "Begin the name with your project's name."
        if not isinstance(value, str):
            yield f"env[{_shown(name)}] is {_kind(value)}; it must be text", _example("env")
        elif "\0" in value:
            yield (
                f"env[{_shown(name)}] contains a NUL character",
                "Remove it: an environment variable cannot contain it.",
            )
        else:
            yield from _references(value, f"env[{_shown(name)}]")


def _references(text: str, what: str) -> Iterator[Fault]:
    """Yield a fault for a dynamic reference, because the text is copied into the template."""
    if (found := _REFERENCE.search(text)) is not None:
        yield (
            f'{what} contains "{found[0]}", which CloudFormation would replace during the deployment',
            "Pass the name of the parameter or secret, and read its value in the handler.",
        )


_EXAMPLES: Final = {
    "schedule": f'@job(schedule=cron("0 6 * * ? *", timezone="{EXAMPLE_ZONE}")), or a list of them',
    "overlap": '@job(schedule=rate("1 hour"), overlap="skip")',
    "retries": '@job(schedule=rate("1 hour"), retries=2)',
    "timeout": '@job(schedule=rate("1 hour"), timeout=60)',
    "memory": '@job(schedule=rate("1 hour"), memory=256)',
    "start_deadline": '@job(schedule=rate("1 hour"), start_deadline=3600)',
    "lease": '@job(schedule=rate("1 day"), timeout=900, lease=60), and run.extend() in its handler',
    "enabled": '@job(schedule=rate("1 hour"), enabled=False)',
    "on_missed": f'@job(schedule=cron("0 6 * * ? *", timezone="{EXAMPLE_ZONE}"), on_missed="run")',
    "alert_after": '@job(schedule=rate("1 hour"), alert_after=3)',
    "late_after": '@job(schedule=rate("1 hour"), late_after=600)',
    "overrun_after": '@job(schedule=rate("1 hour"), timeout=900, overrun_after=300)',
    "permanent": '@job(schedule=rate("1 hour"), permanent=[ValueError])',
    "env": '@job(schedule=rate("1 hour"), env={"SHOP_MODE": "fast"})',
}


def _example(field: str) -> str:
    return f"For example {_EXAMPLES[field]}."


def _maker(value: object) -> str:
    """Return "once" for ``schedule=once``, which lacks parentheses, and "" for any other value."""
    # Compared by name, because an import of ``once`` would load its whole package.
    name = getattr(value, "__name__", "once" if type(value).__name__ == "Once" else "")
    return name if callable(value) and name in _CALLS else ""


def _as_code(text: str, zone: str) -> str:
    """Return the text with expressions as in a declaration: ``cron(…)`` as ``cron("…", timezone="…")``."""

    def code(found: re.Match[str]) -> str:
        in_zone = "" if found[1] == "rate" else f', timezone="{zone}"'
        return f'{found[1]}("{found[2]}"{in_zone})'

    return _EXPRESSION.sub(code, text)


def _kind(value: object) -> str:
    """Return "a str" or "an int"."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # a __repr__ may raise anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."
