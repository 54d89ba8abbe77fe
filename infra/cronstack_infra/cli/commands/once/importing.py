"""``cronstack once import``: schedule the one-time occurrences of a file. Running it again changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from cronstack.errors import OperationError
from cronstack.occurrence import LONGEST_KEY, is_key
from cronstack.onetime.bulk import MOST, Result
from cronstack.payload import shown
from cronstack_infra.cli.commands.once.words import in_options, words
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.inputs import input_fault
from cronstack_infra.cli.options.rereadable import Source, rereadable
from cronstack_infra.cli.output.counting import bar
from cronstack_infra.cli.output.tables import print_json, print_table, short
from cronstack_infra.ops.onetime import once_of, wiring_of
from cronstack_infra.ops.spans import read_span

SHOWN: Final = 20
"""Failures in the table; --json lists all."""
FAULTS: Final = 5
_KNOWN: Final = ("key", "at", "in", "timezone", "disambiguation", "input", "replace", "past")


@click.command("import", short_help="Schedule every line of a file.")
@click.argument("job")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--replace", is_flag=True, help="Keys may stand for another time or input, be cancelled or missed.")
@click.option("--past", type=click.Choice(["run"]), help="What is past: run at once. Else it fails.")
@click.option("--concurrency", type=click.IntRange(1, MOST), default=10, show_default=True, help="So many at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: Cloud, job: str, file: Path, replace: bool, past: str | None, concurrency: int, as_json: bool
) -> int:
    """Schedule JOB once for each line of FILE, a JSON object: key, at or in, and as needed timezone, disambiguation,
    input, replace, past; as the options of "cronstack once JOB" say them. FILE may be -, which is stdin.

    The file is checked first: if a line is wrong, nothing is scheduled. Then a line that fails stops no other one, and
    the exit code is 1. Run it again: what stands already is not changed, what failed is tried anew. "missed" counts the
    lines whose keys could not start in time: see "cronstack once list --status missed". Lines of one key are carried
    out in their order, so with --replace the last one stands.

    \b
    {"key": "order-1", "in": "3d", "input": {"order": 1}}
    {"key": "order-2", "at": "2027-03-28T09:00", "timezone": "Europe/Berlin"}
    """
    with rereadable(file) as source:
        outcomes, failed = _schedule(cloud, job, source, replace=replace, past=past, concurrency=concurrency)
    _tell(outcomes, failed, as_json)
    return 1 if failed else 0


def _schedule(
    cloud: Cloud, job: str, source: Source, *, replace: bool, past: str | None, concurrency: int
) -> tuple[Counter[str], list[Result]]:
    """Schedule every line. Return the count of each outcome, and the failures."""
    lines = _check(source)
    deployment = cloud.deployment()
    wiring_of(deployment, job)
    outcomes: Counter[str] = Counter()
    failed: list[Result] = []
    with in_options(), bar(job, lines) as progress:
        results = once_of(cloud, deployment).schedule_many(
            job,
            _orders(source),
            concurrency=concurrency,
            progress=progress,
            replace=replace,
            past=past or "refuse",
        )
        for result in results:
            if result.plan is None:
                failed.append(result)
            else:
                outcomes["missed" if result.plan.status == "missed" else result.plan.outcome] += 1
    return outcomes, failed


def _check(source: Source) -> int:
    """Return the number of lines. Raise BadParameter that names the invalid lines."""
    faults: list[str] = []
    lines = sum(1 for _ in _orders(source, faults))
    if faults:
        more = f"\n  and {len(faults) - FAULTS} more" if len(faults) > FAULTS else ""
        told = "\n  ".join(faults[:FAULTS])
        raise click.BadParameter(f"nothing was scheduled, for lines are wrong:\n  {told}{more}", param_hint="FILE")
    return lines


def _orders(source: Source, faults: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the arguments of ``once.schedule`` line by line, because a file may have millions of lines."""
    with source.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield _order(line)
            except OperationError as fault:
                if faults is None:
                    raise OperationError(f"{source.name}:{number}: {fault.args[0]}: the file has changed") from None
                faults.append(f"{source.name}:{number}: {fault.args[0]}")


def _order(line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise OperationError(f"is not JSON: {fault}") from None
    if not isinstance(given, dict):
        raise OperationError("is not a JSON object")
    if strange := sorted(given.keys() - {*_KNOWN}):
        raise OperationError(f"there is no {strange[0]!r}; known are {', '.join(_KNOWN)}")
    _check_key(given)
    if ("at" in given) == ("in" in given):
        raise OperationError('says when by "at" or by "in", one of them')
    for word, type_, told in (("at", str, "text"), ("replace", bool, "true or false")):
        if word in given and not isinstance(given[word], type_):
            raise OperationError(f"its {word!r} is not {told}")
    if "input" in given and (wrong := input_fault(given["input"])):
        raise OperationError(wrong.removesuffix("."))
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


def _tell(outcomes: Mapping[str, int], failed: list[Result], as_json: bool) -> None:
    rows = [(str(result.key), words(_why(result))) for result in failed]
    if as_json:
        print_json({**outcomes, "failed": [{"key": key, "why": why} for key, why in rows]})
        return
    if rows:
        print_table(("key", "why it failed"), [(short(key), why) for key, why in rows[:SHOWN]])
        more = f"… and {len(rows) - SHOWN:,} more; --json tells them all.\n" if len(rows) > SHOWN else ""
        click.echo(more)
    counts = [f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items())]
    click.echo(f"{', '.join([*counts, f'{len(failed):,} failed'])}.")


def _why(result: Result) -> str:
    fault = result.fault
    return "" if fault is None else ". ".join(part for part in (str(fault.args[0]), fault.remedy) if part)
