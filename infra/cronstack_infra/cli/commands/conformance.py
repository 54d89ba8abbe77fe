"""``cronstack conformance``: compare the answers of any AWS endpoint with those of AWS, or moto with our patches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from cronstack import clock, entropy
from cronstack_infra.cli.output.tables import print_json

if TYPE_CHECKING:
    from cronstack_infra.conformance.values import Verdict

PARTS: Final = ("scheduler", "lambda", "sqs", "behaviour")


def _version(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from packaging.version import InvalidVersion, Version

    try:
        return None if value is None else str(Version(value))
    except InvalidVersion:
        raise click.BadParameter(f"{value!r} is not a version such as 5.2.5") from None


def _url(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right:
        raise click.BadParameter(f"{value!r} is no address such as http://127.0.0.1:4570")
    return value


@click.command(short_help="Ask an endpoint what AWS would answer.")
@click.option("--endpoint", metavar="URL", envvar="AWS_ENDPOINT_URL", callback=_url, help="Or AWS_ENDPOINT_URL.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="One part; may be given again.")
@click.option("--slow", is_flag=True, help="Wait for what takes minutes as well: Lambda's retries.")
@click.option("--all", "everything", is_flag=True, help="Show the rows that are as on AWS, too.")
@click.option("--patches", is_flag=True, help="Report on the patches of moto instead of an endpoint.")
@click.option("--moto", metavar="VERSION", callback=_version, help="With --patches: how they fit another moto.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    endpoint: str | None,
    only: Sequence[str],
    slow: bool,
    everything: bool,
    patches: bool,
    moto: str | None,
    as_json: bool,
) -> int:
    """Ask an endpoint about 300 bad calls with their nearest valid neighbours, and watch it for a minute.

    Each row says what was asked, what AWS answers and where that is written, and what the endpoint answered. It makes
    roles, queues, functions and schedules whose names begin with "conformance", and takes them away again.

    With --patches it prints every patch of moto with its reason, and whether moto still has the defect: the installed
    moto, or another version, which it installs into a temporary folder. It exits with 1 unless all patches fit.
    """
    if patches:
        if only or slow or everything:
            raise click.UsageError("--only, --slow and --all belong to an endpoint, not to --patches")
        return _report_patches(moto, as_json=as_json)
    if moto:
        raise click.UsageError("--moto needs --patches")
    if endpoint is None:
        raise click.UsageError("give --endpoint URL (or AWS_ENDPOINT_URL), or --patches")
    from cronstack_infra.conformance.runner import ROWS, run

    parts = only or PARTS
    verdicts = []
    prefix = f"conformance-{entropy.SYSTEM.getrandbits(24):06x}"
    rows = [row for row in ROWS if row.service in parts]
    for verdict in run(endpoint, rows, prefix=prefix, now=clock.now, behaviour="behaviour" in parts, slow=slow):
        verdicts.append(verdict)
        if not as_json and (everything or not verdict.same):
            click.echo(told(verdict))
    if as_json:
        print_json([as_row(verdict) for verdict in verdicts])
    else:
        click.echo(summary(verdicts))
    return 0 if all(verdict.same for verdict in verdicts) else 1


def _report_patches(moto: str | None, *, as_json: bool) -> int:
    from tempfile import TemporaryDirectory

    from cronstack_infra.local.patches import another_moto
    from cronstack_infra.local.patches.report import report

    if moto is None:
        found = report()
    else:
        with TemporaryDirectory(prefix="cronstack-moto-") as folder:
            another_moto.install(moto, Path(folder))
            found = report(Path(folder))
    if as_json:
        print_json(found.as_json())
    else:
        click.echo("\n".join(found.lines()))
    return 0 if found.fits else 1


def as_row(verdict: Verdict) -> dict[str, Any]:
    return {**asdict(verdict), "same": verdict.same}


def told(verdict: Verdict) -> str:
    """Print one row in five lines."""
    lines = [
        f"{'as on AWS' if verdict.same else 'DIFFERS'}: {verdict.service}, {verdict.row}",
        f"  asked      {verdict.asked}",
        f"  AWS        {verdict.expected}   ({verdict.source})",
        f"  answered   {verdict.got}",
    ]
    if verdict.neighbour:
        lines.append(f"  neighbour  {verdict.neighbour}")
    return "\n".join(lines)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Print one line for each part, and one for all."""
    asked = Counter(verdict.service for verdict in verdicts)
    same = Counter(verdict.service for verdict in verdicts if verdict.same)
    lines = [f"{part}: {same[part]} of {asked[part]} as on AWS" for part in PARTS if asked[part]]
    return "\n".join([*lines, f"{same.total()} of {asked.total()} rows as on AWS"])
