"""``cronstack conformance``: compare an endpoint with AWS, or check Cronstack's patches against a moto version."""

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
    from cronstack_infra.conformance.values import RowResult

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
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise click.BadParameter(f"{value!r} is not a URL such as http://127.0.0.1:4570")
    return value


@click.command(short_help="Compare the answers of an endpoint with those of AWS.")
@click.option(
    "--endpoint",
    metavar="URL",
    envvar="AWS_ENDPOINT_URL",
    callback=_url,
    help="Endpoint to test. Defaults to AWS_ENDPOINT_URL.",
)
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Only this part; may be repeated.")
@click.option("--slow", is_flag=True, help="Also test what takes minutes: Lambda's retries.")
@click.option("--all", "everything", is_flag=True, help="Also print the rows that match AWS.")
@click.option("--patches", is_flag=True, help="Report on the patches of moto instead of an endpoint.")
@click.option("--moto", metavar="VERSION", callback=_version, help="With --patches: check another version of moto.")
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
    """Send an endpoint 300 invalid calls, each with the nearest valid one, and watch its behaviour for a minute.

    Each row shows the request, the answer of AWS with its source, and the answer of the endpoint. The command creates
    roles, queues, functions and schedules whose names begin with "conformance", and deletes them at the end.

    --patches prints every patch of moto with its reason, and whether moto still has the defect. It checks the installed
    moto, or with --moto another version, installed into a temporary folder. Exit code 1 unless all patches fit.
    """
    if patches:
        if only or slow or everything:
            raise click.UsageError("--only, --slow and --all cannot be used with --patches")
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
            click.echo(as_text(verdict))
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


def as_row(verdict: RowResult) -> dict[str, Any]:
    return {**asdict(verdict), "same": verdict.same}


def as_text(verdict: RowResult) -> str:
    """Return one row as lines of text."""
    lines = [
        f"{'as on AWS' if verdict.same else 'DIFFERS'}: {verdict.service}, {verdict.row}",
        f"  asked      {verdict.asked}",
        f"  AWS        {verdict.expected}   ({verdict.source})",
        f"  answered   {verdict.got}",
    ]
    if verdict.neighbour:
        lines.append(f"  neighbour  {verdict.neighbour}")
    return "\n".join(lines)


def summary(verdicts: Sequence[RowResult]) -> str:
    """Return one line for each part, and one for the total."""
    asked = Counter(verdict.service for verdict in verdicts)
    same = Counter(verdict.service for verdict in verdicts if verdict.same)
    lines = [f"{part}: {same[part]} of {asked[part]} as on AWS" for part in PARTS if asked[part]]
    return "\n".join([*lines, f"{same.total()} of {asked.total()} rows as on AWS"])
