"""``cronstack logs``: the log of a job's function, with Lambda's START, END and REPORT lines."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.tables import json_text, print_json, printable
from cronstack_infra.ops.logs import LogEvent, follow, group_of, read


@click.command(short_help="Show the log of a job; -f follows it.")
@click.argument("job")
@click.option("-f", "--follow", "following", is_flag=True, help="Print new lines until Ctrl-C.")
@click.option(
    "--since", metavar="T", default="1h", show_default=True, help="Begin there: 90m, 12h or 7d ago, or a time."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with -f one object per line.")
@cloud_options
def command(cloud: SelectedCloud, job: str, following: bool, since: str, as_json: bool) -> None:
    """Show the log of JOB, the oldest line first, with times in UTC."""
    from cronstack_infra.ops.deployment import find_job

    begin = since_option("--since", since, clock.now())
    function = find_job(cloud("lambda"), cloud.deployment(), job).function
    logs, group = cloud("logs"), group_of(cloud("lambda"), function)
    if following:
        for line in follow(logs, group, since=begin, clock=clock.now, sleep=clock.sleep):
            for text in [json_text(line.as_json())] if as_json else rows(line):
                click.echo(text)
        return
    found = read(logs, group, since=begin)
    if as_json:
        print_json([line.as_json() for line in found])
        return
    empty = True
    for line in found:
        empty = False
        for text in rows(line):
            click.echo(text)
    if empty:
        click.echo(f"Nothing in {group} since {begin:%Y-%m-%d %H:%M:%S} UTC.")


def rows(line: LogEvent) -> Iterator[str]:
    """Yield the lines of a log event. The first has the time; further lines, such as a traceback, are aligned below."""
    time = f"{line.at:%Y-%m-%d %H:%M:%S}.{line.at.microsecond // 1000:03}"
    for number, text in enumerate(line.text.splitlines() or [""]):
        indent = len(text) - len(text.lstrip(" "))
        yield f"{' ' * len(time) if number else time}  {' ' * indent}{printable(text)}".rstrip()
