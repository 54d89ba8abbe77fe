"""``cronstack once import``: schedule the one-time occurrences of a file. It can be repeated without effect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from cronstack.errors import OnceConflict, OnceError, OperationError
from cronstack.occurrence import LONGEST_KEY, is_key
from cronstack.onetime.bulk import MOST, Result
from cronstack.onetime.once import Once
from cronstack.payload import shown
from cronstack_infra.cli.commands.once.wording import as_options, errors_as_options
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.inputs import input_fault
from cronstack_infra.cli.options.reasons import announce_action, reason_option
from cronstack_infra.cli.options.rereadable import RereadableFile, rereadable
from cronstack_infra.cli.output.counting import bar
from cronstack_infra.cli.output.tables import print_json, print_table, short
from cronstack_infra.ops.onetime import once_of, wiring_of
from cronstack_infra.ops.spans import read_span

SHOWN: Final = 20
"""Most failures in the table; --json lists all."""
FAULTS: Final = 5
"""Most invalid lines in an error message."""
_KNOWN: Final = ("key", "at", "in", "timezone", "disambiguation", "input", "replace", "past")


@click.command("import", short_help="Schedule each line of a file.")
@click.argument("job")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--replace", is_flag=True, help="Replace existing plans with another time or input, also cancelled or missed ones."
)
@click.option("--past", type=click.Choice(["run"]), help="Run past times at once. Without it, such lines fail.")
@click.option(
    "--concurrency", type=click.IntRange(1, MOST), default=10, show_default=True, help="Requests in parallel."
)
@reason_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud,
    job: str,
    file: Path,
    replace: bool,
    past: str | None,
    concurrency: int,
    reason: str,
    as_json: bool,
) -> int:
    """Schedule JOB once for each line of FILE. A line is a JSON object with key, at or in, and optionally timezone,
    disambiguation, input, replace and past; see the options of "cronstack once JOB". FILE - is stdin.

    The file is checked first: if a line is invalid, nothing is scheduled. Later failures of single lines do not stop
    the others; the exit code is then 1. Repeat the command to try failed lines again; scheduled ones stay unchanged.
    "missed" counts keys that could not start in time: see "cronstack once list --status missed". Lines with the same
    key are scheduled in order, so with --replace the last one wins.

    \b
    {"key": "order-1", "in": "3d", "input": {"order": 1}}
    {"key": "order-2", "at": "2027-03-28T09:00", "timezone": "Europe/Berlin"}
    """
    with rereadable(file) as source:
        lines, deployment = _check(source), cloud.deployment()
        wiring_of(deployment, job)
        announce_action(
            cloud, deployment, job, "once import", reason, file=source.name, lines=lines, replace=replace, past=past
        )
        with bar(job, lines) as progress:
            options = {"replace": replace, "past": past or "refuse", "concurrency": concurrency, "progress": progress}
            outcomes, failed = _schedule(once_of(cloud, deployment), job, source, **options)
    _print_result(outcomes, failed, as_json)
    return 1 if failed else 0


def _schedule(once: Once, job: str, source: RereadableFile, **options: Any) -> tuple[Counter[str], list[Result]]:
    """Schedule each line. Return the count of each outcome, and the failures."""
    outcomes: Counter[str] = Counter()
    failed: list[Result] = []
    with errors_as_options():
        for result in once.schedule_many(job, _schedules(source), **options):
            if result.plan is None:
                failed.append(result)
            else:
                outcomes["missed" if result.plan.status == "missed" else result.plan.outcome] += 1
    return outcomes, failed


def _check(source: RereadableFile) -> int:
    """Return the number of lines. Raise BadParameter with the invalid lines."""
    faults: list[str] = []
    lines = sum(1 for _ in _schedules(source, faults))
    if faults:
        more = f"\n  and {len(faults) - FAULTS} more" if len(faults) > FAULTS else ""
        listed = "\n  ".join(faults[:FAULTS])
        raise click.BadParameter(f"nothing was scheduled; invalid lines:\n  {listed}{more}", param_hint="FILE")
    return lines


def _schedules(source: RereadableFile, faults: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the arguments of ``once.schedule`` of each line. A file may have millions of lines."""
    with source.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _schedule_of(line)
            except OperationError as fault:
                if faults is None:
                    raise OperationError(
                        f"{source.name}:{number}: {fault.args[0]}: the file has changed since the check"
                    ) from None
                faults.append(f"{source.name}:{number}: {fault.args[0]}")


def _schedule_of(line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise OperationError(f"is not JSON: {fault}") from None
    if not isinstance(given, dict):
        raise OperationError("is not a JSON object")
    if unknown := sorted(given.keys() - {*_KNOWN}):
        raise OperationError(f"unknown field {unknown[0]!r}; valid fields are {', '.join(_KNOWN)}")
    _check_key(given)
    if ("at" in given) == ("in" in given):
        raise OperationError('needs either "at" or "in"')
    for field, type_, expected in (("at", str, "text"), ("replace", bool, "true or false")):
        if field in given and not isinstance(given[field], type_):
            raise OperationError(f"its {field!r} is {json.dumps(given[field]):.60}, not {expected}")
    if "input" in given and (invalid := input_fault(given["input"])):
        raise OperationError(invalid.removesuffix("."))
    span = given.pop("in", None)
    return given if span is None else {**given, "after": read_span(str(span))}


def _check_key(given: dict[str, Any]) -> None:
    if "key" not in given:
        raise OperationError('has no "key"')
    key = given["key"]
    if not isinstance(key, str):
        raise OperationError(f'its "key" is {json.dumps(key):.60}: write text, such as "order-4711"')
    if not is_key(key):
        raise OperationError(f'its "key" is {shown(key)}: write text of 1 to {LONGEST_KEY:,} bytes')


def _print_result(outcomes: Mapping[str, int], failed: list[Result], as_json: bool) -> None:
    rows = [(str(result.key), _reason(result)) for result in failed]
    if as_json:
        print_json({**outcomes, "failed": [{"key": key, "why": reason} for key, reason in rows]})
        return
    if rows:
        print_table(("key", "why it failed"), [(short(key), reason) for key, reason in rows[:SHOWN]])
        more = f"… and {len(rows) - SHOWN:,} more; --json lists all.\n" if len(rows) > SHOWN else ""
        click.echo(more)
    counts = [f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items())]
    click.echo(f"{', '.join([*counts, f'{len(failed):,} failed'])}.")


def _reason(result: Result) -> str:
    match result.fault:
        case None:
            return ""
        case OnceError() | OnceConflict() as fault:
            text, remedy = as_options(fault.parts), as_options(fault.remedy_parts)
        case fault:
            text, remedy = str(fault.args[0]), fault.remedy
    return ". ".join(part for part in (text, remedy) if part)
