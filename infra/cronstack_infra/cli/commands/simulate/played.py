"""``cronstack simulate`` without ``--dry``: play handlers, guard and template on the virtual clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cronstack.errors import OperationError
from cronstack_infra.cli.commands.simulate.time_left import LONG, Left, duration
from cronstack_infra.cli.errors import INTERRUPTED
from cronstack_infra.cli.stopping import stop_at_the_next_step
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.play.looks import MOST_LOOKS
from cronstack_infra.play.simulation.trace import COLUMNS, COUNTS
from cronstack_infra.plural import counted

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
    from cronstack_infra.play.simulation.simulate import Progress, Simulated
    from cronstack_infra.project import Project

EXAMPLES: Final = "examples"


@dataclass(frozen=True)
class Played:
    """The request: play the jobs of a package from ``first`` to before ``last``."""

    package: str
    jobs: Sequence[DeclaredJob]
    first: datetime
    last: datetime
    seed: int = 0
    faults: str | None = None
    out: Path | None = None
    clock_reads: int = MOST_LOOKS
    switches: tuple[str, ...] = ()


def played(asked: Played, *, as_json: bool) -> int:
    """Play the jobs and print the result. Return the exit code."""
    from cronstack_infra.play.simulation.cloud.assembly import synthesize
    from cronstack_infra.play.simulation.handlers.faults import parse
    from cronstack_infra.play.simulation.simulate import simulate
    from cronstack_infra.project import Project
    from cronstack_infra.switches.reading import read

    try:
        rates = parse(asked.faults or "none")
    except OperationError as fault:
        raise click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint="--faults") from None
    project = Project.find()
    with _shown(_firings(asked), quiet=as_json) as (say, progress):
        prepare = _preparation(asked, project)
        assembly = synthesize(project, asked.package, progress=say)
        say("moto is loaded, the stack is deployed")
        with stop_at_the_next_step() as stop:
            result = simulate(
                assembly,
                asked.first,
                asked.last,
                seed=asked.seed,
                rates=rates,
                switches=read(asked.switches, seed=asked.seed),
                only={one.job.name for one in asked.jobs},
                out=asked.out,
                prepare=prepare,
                progress=progress,
                stop=stop,
                clock_reads=asked.clock_reads,
            )
        report = _report(asked.out, say)
    _print(result, asked.last, report, as_json=as_json)
    return INTERRUPTED if result.interrupted else 0


def _firings(asked: Played) -> int:
    from cronstack_infra.play.quick import count

    return count([one.schedules for one in asked.jobs if one.job.enabled], asked.first, asked.last)


def _preparation(asked: Played, project: Project) -> Callable[[VirtualCloud], None] | None:
    if asked.package == EXAMPLES:
        return put_flights
    from cronstack_infra.testing.choice import Choice
    from cronstack_infra.testing.prepare import preparation

    return preparation(Choice(project, asked.package, asked.first, asked.seed))


def put_flights(cloud: VirtualCloud) -> None:
    """Put the flights of 2013 into the bucket of the examples, which count them. The demo does the same."""
    from cronstack_infra.demo import flights
    from cronstack_infra.play.simulation.cloud.deploying import outputs

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
def _shown(firings: int, *, quiet: bool) -> Iterator[tuple[Callable[[str], None], Progress]]:
    """Show what is done and the virtual date on a terminal; elsewhere print how long it takes."""
    if quiet or not sys.stderr.isatty():
        yield (lambda line: None), reports_once(firings, Left())
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar, left = bars.add_task("", total=1.0, told=""), Left()

        def say(line: str) -> None:
            bars.update(bar, description=line)

        def progress(now: datetime, share: float, occurrences: int) -> None:
            seconds = left.after(share)
            told = f"{occurrences:,} of {firings:,} firings" + (f", {duration(seconds)} left" if seconds else "")
            bars.update(bar, completed=share, description=f"{now:%a %d %b %Y}", told=told)

        yield say, progress


def reports_once(firings: int, left: Left) -> Progress:
    """Return a progress callback for stderr without a terminal. It prints one line if the simulation takes long."""
    told = False

    def progress(now: datetime, share: float, occurrences: int) -> None:
        nonlocal told
        seconds = left.after(share)
        if not told and seconds is not None and seconds >= LONG:
            told = True
            click.echo(
                f"About {duration(seconds)} more: {firings:,} firings. Ctrl-C ends it early and keeps what was played.",
                err=True,
            )

    return progress


def _print(result: Simulated, asked: datetime, report: Path | None, *, as_json: bool) -> None:
    from cronstack_infra.cli.output.tables import print_json, print_table

    files = [*([result.out / "trace.jsonl"] if result.out else []), *([report] if report else [])]
    if as_json:
        print_json(
            {
                "stack": result.stack,
                "from": result.first.isoformat(),
                "until": result.last.isoformat(),
                "interrupted": result.interrupted,
                "seed": result.seed,
                "faults": str(result.rates),
                "switches": list(result.switches),
                "jobs": [asdict(row) for row in result.rows],
                "occurrences": result.occurrences,
                "outside": result.outside,
                "dead_letters": result.letters,
                "under_way": result.under_way,
                "delays": result.delays.as_json(),
                "occurrences_per_second": round(result.per_second),
                "files": [str(file) for file in files],
            }
        )
        return
    cells = [[row.job, *(f"{getattr(row, name):,}" for name in COUNTS), f"{row.slowest:.3f} s"] for row in result.rows]
    print_table(COLUMNS, cells)
    span = f"{result.first:%Y-%m-%d %H:%M} to {result.last:%Y-%m-%d %H:%M} UTC"
    click.echo(
        f"\n{counted(result.occurrences, 'occurrence')} from {span}, seed {result.seed}, faults {result.rates}:"
        f" {result.seconds:.1f} s, {result.per_second:,.0f} a second. Dead letters: {result.letters:,}."
    )
    if result.switches:
        click.echo(f"Switches: {' '.join(result.switches)}")
    for line in result.delays.lines():
        click.echo(line)
    if result.outside:
        click.echo(f"{counted(result.outside, 'firing')} outside start and end: the function skips them at once.")
    if result.interrupted:
        share = (result.last - result.first) / (asked - result.first)
        click.echo(f"Interrupted: {share:.0%} of the span to {asked:%Y-%m-%d %H:%M} UTC was played.")
    for file in files:
        click.echo(file)
