"""``cronstack doctor``: what is wrong with a deployed stack, and the command that fixes it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import metadata

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.locked import locked_jobs
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.ops.doctor.checks.catalog import CHECKS, Report, examine
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.scene import read_scene
from cronstack_infra.plural import counted


def _names(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse the name of a check that does not exist."""
    known = [check.name for check in CHECKS]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Checks: {', '.join(known)}."
            raise click.BadParameter(f"unknown check {name!r}. {hint}", param_hint="CHECK")
    return given


@click.command(short_help="Check a deployed stack; print what is wrong and how to fix it.")
@click.argument("checks", metavar="[CHECK]...", nargs=-1, callback=_names)
@click.option("--list", "only_list", is_flag=True, help="List the checks, and run none.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, checks: Sequence[str], only_list: bool, as_json: bool) -> int:
    """Run all checks on the deployed stack, or only the given ones. It reads, and changes nothing.

    Exit code 1 if anything is wrong, or could not be checked because a right is missing.

    \b
    JSON: {"findings": […], "unsupported": […]}. One object per finding:
      check, severity     severity is error, warning or unchecked
      where, what, why    the resource, the problem, and what may happen
      remedy              a command, or what to do
    unsupported: check and action of what this cloud does not have
    """
    if only_list:
        rows = [(check.name, check.about) for check in CHECKS]
        if as_json:
            print_json([{"check": name, "about": about} for name, about in rows])
        else:
            print_table(("check", "looks at"), rows)
        return 0
    deployment = cloud.deployment()
    known = tuple(locked_jobs(cloud))
    scene = read_scene(cloud, deployment, clock.now_ms, known=known, version=metadata.version("cronstack"))
    with _progress() as begin:
        report = examine(scene, checks, begin=begin)
    if as_json:
        unsupported = [{"check": check, "action": action} for check, action in report.unsupported]
        print_json({"findings": [finding.as_json() for finding in report.findings], "unsupported": unsupported})
    else:
        _print(report, len(checks) or len(CHECKS))
    return 1 if report.findings else 0


def _print(report: Report, checks: int) -> None:
    for check, action in report.unsupported:
        click.echo(f"Note: {check}: this cloud does not have {action}.", err=True)
    if not report.findings:
        click.echo(f"Nothing is wrong: {counted(checks, 'check')}.")
        return
    print_table(("severity", "check", "where", "what"), [_row(finding) for finding in report.findings])
    for number, finding in enumerate(report.findings, 1):
        click.echo(f"\n{number}. {finding.where}: {finding.what}.\n   {finding.why}\n   {finding.remedy}")
    click.echo(f"\n{counted(len(report.findings), 'finding')}.")


def _row(finding: Finding) -> tuple[str, ...]:
    return finding.severity, finding.check, finding.where, finding.what


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show the running check on stderr, if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as shown:
        yield lambda name: shown.update(f"checking {name}")
