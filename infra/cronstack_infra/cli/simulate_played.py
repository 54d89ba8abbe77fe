"""``cronstack simulate`` without ``--dry``: handlers, guard and template on the virtual clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cronstack.errors import OperationError
from cronstack_infra.discover import DeclaredJob
from cronstack_infra.plural import counted

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud import VirtualCloud
    from cronstack_infra.play.simulation.simulate import Progress, Simulated

EXAMPLES: Final = "examples"
_COLUMNS: Final = (
    "job",
    "runs",
    "succeeded",
    "retries",
    "crashed",
    "skipped",
    "missed",
    "dead",
    "overlaps",
    "slowest",
)


def played(
    package: str,
    jobs: Sequence[DeclaredJob],
    first: datetime,
    last: datetime,
    seed: int,
    faults: str | None,
    out: Path | None,
    *,
    as_json: bool,
) -> int:
    """Play the jobs of a package from ``first`` to before ``last`` and show what happened; the exit code."""
    from cronstack_infra.play.simulation.assembly import synthesize
    from cronstack_infra.play.simulation.faults import parse
    from cronstack_infra.play.simulation.simulate import simulate
    from cronstack_infra.project import Project

    try:
        rates = parse(faults or "none")
    except OperationError as fault:
        raise click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint="--faults") from None
    project = Project.find()
    with _shown(quiet=as_json) as (say, progress):
        assembly = synthesize(project, package, progress=say)
        say("moto is loaded, the stack is deployed")
        result = simulate(
            assembly,
            first,
            last,
            seed=seed,
            rates=rates,
            only={one.job.name for one in jobs},
            out=out,
            prepare=put_flights if package == EXAMPLES else None,
            progress=progress,
        )
        report = _report(out, say)
    _print(result, report, as_json=as_json)
    return 0


def put_flights(cloud: VirtualCloud) -> None:
    """The examples count flights: the year 2013 is put into their bucket, as the demo does it."""
    from cronstack_infra.demo import flights
    from cronstack_infra.play.simulation.deploying import outputs

    (stack,) = cloud.stacks
    bucket = outputs(cloud.client("cloudformation"), stack)["FlightsBucket"]
    for _ in flights.load(cloud.client("s3"), bucket, flights.days(flights.archive())):
        pass


def _report(out: Path | None, say: Callable[[str], None]) -> Path | None:
    if out is None:
        return None
    from cronstack_infra.play import report

    say("the report is written")
    report.write(out / "trace.jsonl", out / "report.html")
    return out / "report.html"


@contextmanager
def _shown(*, quiet: bool) -> Iterator[tuple[Callable[[str], None], Progress | None]]:
    """A line that tells what is done, and a bar with the virtual date, on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield (lambda line: None), None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=1.0, told="")

        def say(line: str) -> None:
            bars.update(bar, description=line)

        def progress(now: datetime, share: float, occurrences: int) -> None:
            bars.update(bar, completed=share, description=f"{now:%a %d %b %Y}", told=counted(occurrences, "occurrence"))

        yield say, progress


def _print(result: Simulated, report: Path | None, *, as_json: bool) -> None:
    from cronstack_infra.cli.tables import print_json, print_table

    files = [*([result.out / "trace.jsonl"] if result.out else []), *([report] if report else [])]
    if as_json:
        print_json(
            {
                "stack": result.stack,
                "from": result.first.isoformat(),
                "until": result.last.isoformat(),
                "seed": result.seed,
                "faults": str(result.rates),
                "jobs": [asdict(row) for row in result.rows],
                "occurrences": result.occurrences,
                "dead_letters": result.letters,
                "under_way": result.under_way,
                "occurrences_per_second": round(result.per_second),
                "files": [str(file) for file in files],
            }
        )
        return
    cells = [
        [row.job, *(f"{getattr(row, name):,}" for name in _COLUMNS[1:-1]), f"{row.slowest:.3f} s"]
        for row in result.rows
    ]
    print_table(_COLUMNS, cells)
    span = f"{result.first:%Y-%m-%d %H:%M} to {result.last:%Y-%m-%d %H:%M} UTC"
    click.echo(
        f"\n{counted(result.occurrences, 'occurrence')} from {span}, seed {result.seed}, faults {result.rates}:"
        f" {result.seconds:.1f} s, {result.per_second:,.0f} a second. Dead letters: {result.letters:,}."
    )
    for file in files:
        click.echo(file)
