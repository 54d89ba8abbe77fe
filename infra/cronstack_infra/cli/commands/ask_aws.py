"""``cronstack ask-aws``: ask a real account what AWS's documentation leaves open."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cronstack import clock, entropy
from cronstack_infra.cli.options.clouds import Cloud
from cronstack_infra.cli.options.local_address import local_address
from cronstack_infra.local.environment import DEFAULT_PORT

if TYPE_CHECKING:
    from cronstack_infra.ask.question import Question


@click.command(short_help="Ask a sandbox account of AWS what its documentation leaves open.")
@click.option("--only", metavar="ID", multiple=True, help="One question; may be given again.")
@click.option("--list", "list_", is_flag=True, help="Print the questions, and what cannot be asked. Ask nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the transcript to FILE.")
@click.option("--local", is_flag=True, help=f"Ask the local cloud: AWS_ENDPOINT_URL, else port {DEFAULT_PORT}.")
@click.option("--port", type=click.IntRange(1, 65535), help="Ask the local cloud at this port.")
def command(only: Sequence[str], list_: bool, yes: bool, file: Path | None, local: bool, port: int | None) -> int:
    """Ask the account of your credentials about each switch that AWS can be asked about (see "cronstack switches").

    Use an account that holds nothing else. It makes roles, queues, schedules and small functions whose names begin with
    "cronstack-ask-", and deletes them in every case; the next run deletes what a killed one has left. Run one at a
    time. It takes about an hour, and costs less than a cent for each question.

    The transcript is fit for publication: the account, and ids of roles, are masked. Exit code 1 if a question has no
    answer.

    \b
    cronstack ask-aws --list
    AWS_PROFILE=sandbox cronstack ask-aws --json transcript.json
    cronstack ask-aws --local --only past-at
    """
    from cronstack_infra.ask.run import ask
    from cronstack_infra.ask.table import QUESTIONS, UNASKED
    from cronstack_infra.ask.transcript import as_json, as_text

    if unknown := sorted(set(only) - {one.id for one in QUESTIONS}):
        raise click.BadParameter(f"there is no question {unknown[0]!r}: see --list", param_hint="--only")
    questions = [one for one in QUESTIONS if not only or one.id in only]
    if list_:
        _print(questions, err=False)
        click.echo("\nNot asked:\n" + "\n".join(f"  {name}: {why}" for name, why in UNASKED.items()))
        return 0
    cloud = Cloud(local_address(os.environ, local=local, port=port), "")
    if not yes and cloud.address is None:
        _print(questions)
        click.confirm("Ask this account?", abort=True, err=True)
    answers = ask(
        cloud,
        questions,
        run=entropy.ulid(clock.now_ms(), entropy.SYSTEM)[-8:].lower(),
        now=clock.now,
        sleep=clock.sleep,
        say=lambda line: click.echo(line, err=True),
        scale=1.0 if cloud.address is None else 0.0,  # a local cloud spreads a new role at once
    )
    asked = []
    with closing(answers):
        for one in answers:
            asked.append(one)
            click.echo(f"    {one.answer.said if one.answer is not None else one.fault}", err=True)
    about = {"region": cloud("sqs").meta.region_name, "day": f"{clock.now():%Y-%m-%d}"}
    click.echo(as_text(asked, **about))
    if file is not None:
        file.write_text(json.dumps(as_json(asked, **about), indent=2) + "\n", "utf-8")
    return 0 if all(one.answer is not None for one in asked) else 1


def _print(questions: Sequence[Question], *, err: bool = True) -> None:
    """Print the questions, with what each takes and costs, and the sums."""
    for one in questions:
        click.echo(f"  {one.id:<18} {one.minutes:>4.1f} min  {one.cents:>4.1f} ¢  {one.asks}", err=err)
    minutes, cents = sum(one.minutes for one in questions), sum(one.cents for one in questions)
    click.echo(f"  {'all':<18} {minutes:>4.0f} min  {cents:>4.1f} ¢  at most", err=err)
