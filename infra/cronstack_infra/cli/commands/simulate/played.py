"""``cronstack simulate`` without ``--dry``: run handlers, guard and template on the virtual clock."""

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
from cronstack_infra.play.looks import MAX_CLOCK_READS
from cronstack_infra.play.simulation.trace import COLUMNS, COUNTS
from cronstack_infra.plural import counted

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
    from cronstack_infra.play.simulation.simulate import Progress, Simulated
    from cronstack_infra.project import Project

EXAMPLES: Final = "examples"


@dataclass(frozen=True)
class SimulationRequest:
    """A request to simulate the jobs of a package from ``first`` to before ``last``."""

    package: str
    jobs: Sequence[DeclaredJob]
    first: datetime
    last: datetime
    seed: int = 0
    faults: str | None = None
    out: Path | None = None
    clock_reads: int = MAX_CLOCK_READS
    switches: tuple[str, ...] = ()


def simulate_request(request: SimulationRequest, *, as_json: bool) -> int:
    """Run the simulation and print the result. Return the exit code."""
    from cronstack_infra.play.simulation.cloud.assembly import synthesize
    from cronstack_infra.play.simulation.handlers.faults import parse
    from cronstack_infra.play.simulation.simulate import simulate
    from cronstack_infra.project import Project
    from cronstack_infra.switches.parsing import read

    try:
        rates = parse(request.faults or "none")
    except OperationError as fault:
        raise click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint="--faults") from None
    project = Project.find()
    with _shown(_firings(request), quiet=as_json) as (on_stage, progress):
        prepare = _preparation(request, project)
        assembly = synthesize(project, request.package, progress=on_stage)
        on_stage("moto is loaded, the stack is deployed")
        with stop_at_the_next_step() as stop:
            result = simulate(
                assembly,
                request.first,
                request.last,
                seed=request.seed,
                rates=rates,
                switches=read(request.switches, seed=request.seed),
                only={found.job.name for found in request.jobs},
                out=request.out,
                prepare=prepare,
                progress=progress,
                stop=stop,
                clock_reads=request.clock_reads,
            )
        report = _report(request.out, on_stage)
    _print(result, request.last, report, as_json=as_json)
    return INTERRUPTED if result.interrupted else 0


def _firings(request: SimulationRequest) -> int:
    from cronstack_infra.play.quick import count

    return count([found.schedules for found in request.jobs if found.job.enabled], request.first, request.last)


def _preparation(request: SimulationRequest, project: Project) -> Callable[[VirtualCloud], None] | None:
    if request.package == EXAMPLES:
        return put_flights
    from cronstack_infra.testing.choice import Choice
    from cronstack_infra.testing.prepare import preparation

    return preparation(Choice(project, request.package, request.first, request.seed))


def put_flights(cloud: VirtualCloud) -> None:
    """Upload the flights of 2013 into the bucket of the examples, as the demo does."""
    from cronstack_infra.demo import flights
    from cronstack_infra.play.simulation.cloud.deploying import outputs

    (stack,) = cloud.stacks
    bucket = outputs(cloud.client("cloudformation"), stack)["FlightsBucket"]
    for _ in flights.load(cloud.client("s3"), bucket, flights.days(flights.archive())):
        pass


def _report(out: Path | None, on_stage: Callable[[str], None]) -> Path | None:
    if out is None:
        return None
    from cronstack_infra.play import report

    on_stage("writing the report")
    report.write(out / "trace.jsonl", out / "report.html")
    return out / "report.html"


@contextmanager
def _shown(firings: int, *, quiet: bool) -> Iterator[tuple[Callable[[str], None], Progress]]:
    """Yield callbacks for stages and progress. Without a terminal, only an estimate of the time is printed."""
    if quiet or not sys.stderr.isatty():
        yield (lambda line: None), reports_once(firings, Left())
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[counts]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar, left = bars.add_task("", total=1.0, counts=""), Left()

        def on_stage(line: str) -> None:
            bars.update(bar, description=line)

        def progress(now: datetime, share: float, occurrences: int) -> None:
            seconds = left.after(share)
            counts = f"{occurrences:,} of {firings:,} firings" + (f", {duration(seconds)} left" if seconds else "")
            bars.update(bar, completed=share, description=f"{now:%a %d %b %Y}", counts=counts)

        yield on_stage, progress


def reports_once(firings: int, left: Left) -> Progress:
    """Return a progress callback for stderr without a terminal. It prints one line if the simulation takes long."""
    reported = False

    def progress(now: datetime, share: float, occurrences: int) -> None:
        nonlocal reported
        seconds = left.after(share)
        if not reported and seconds is not None and seconds >= LONG:
            reported = True
            click.echo(
                f"About {duration(seconds)} left: {firings:,} firings. Ctrl-C ends it and keeps the results so far.",
                err=True,
            )

    return progress


def _print(result: Simulated, until: datetime, report: Path | None, *, as_json: bool) -> None:
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
        share = (result.last - result.first) / (until - result.first)
        click.echo(f"Interrupted: {share:.0%} of the span to {until:%Y-%m-%d %H:%M} UTC was simulated.")
    for file in files:
        click.echo(file)
