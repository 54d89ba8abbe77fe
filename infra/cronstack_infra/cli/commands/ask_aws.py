"""``cronstack ask-aws``: test in a real account what the documentation of AWS leaves open."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cronstack import clock, entropy
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.cli.options.local_address import local_address
from cronstack_infra.local.environment import DEFAULT_PORT

if TYPE_CHECKING:
    from cronstack_infra.ask.question import Question


@click.command(short_help="Test undocumented AWS behaviour in a sandbox account.")
@click.option("--only", metavar="ID", multiple=True, help="Only this question; may be repeated.")
@click.option("--list", "list_", is_flag=True, help="Print the questions, and those that cannot be asked. Run none.")
@click.option("--yes", is_flag=True, help="Skip the confirmation.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the transcript to FILE.")
@click.option("--local", is_flag=True, help=f"Use the local cloud: AWS_ENDPOINT_URL, else port {DEFAULT_PORT}.")
@click.option("--port", type=click.IntRange(1, 65535), help="Use the local cloud at this port.")
def command(only: Sequence[str], list_: bool, yes: bool, file: Path | None, local: bool, port: int | None) -> int:
    """Find out how the account of your credentials behaves, for each switch that AWS can answer (see "cronstack
    switches").

    Use an empty account. The command creates roles, queues, schedules and small functions whose names begin with
    "cronstack-ask-", and always deletes them. After a killed run, the next run deletes the leftovers. Run only one at
    a time. All questions take about an hour. Each costs less than a cent.

    The transcript can be published: account and role ids are masked. Exit code 1 if a question has no answer.

    \b
    cronstack ask-aws --list
    AWS_PROFILE=sandbox cronstack ask-aws --json transcript.json
    cronstack ask-aws --local --only past-at
    """
    from cronstack_infra.ask.run import ask
    from cronstack_infra.ask.table import QUESTIONS, UNASKED
    from cronstack_infra.ask.transcript import as_json, as_text

    if unknown := sorted(set(only) - {question.id for question in QUESTIONS}):
        raise click.BadParameter(
            f"unknown question {unknown[0]!r}. List them: cronstack ask-aws --list", param_hint="--only"
        )
    questions = [question for question in QUESTIONS if not only or question.id in only]
    if list_:
        _print(questions, err=False)
        click.echo("\nNot asked:\n" + "\n".join(f"  {name}: {reason}" for name, reason in UNASKED.items()))
        return 0
    cloud = SelectedCloud(local_address(os.environ, local=local, port=port), "")
    if not yes and cloud.address is None:
        _print(questions)
        click.confirm("Run these questions in this account?", abort=True, err=True)
    answers = ask(
        cloud,
        questions,
        run=entropy.ulid(clock.now_ms(), entropy.SYSTEM)[-8:].lower(),
        now=clock.now,
        sleep=clock.sleep,
        progress=lambda line: click.echo(line, err=True),
        scale=1.0 if cloud.address is None else 0.0,  # in a local cloud a new role is usable at once
    )
    asked = []
    with closing(answers):
        for asking in answers:
            asked.append(asking)
            click.echo(f"    {asking.answer.text if asking.answer is not None else asking.fault}", err=True)
    about = {"region": cloud("sqs").meta.region_name, "day": f"{clock.now():%Y-%m-%d}"}
    click.echo(as_text(asked, **about))
    if file is not None:
        file.write_text(json.dumps(as_json(asked, **about), indent=2) + "\n", "utf-8")
    return 0 if all(asking.answer is not None for asking in asked) else 1


def _print(questions: Sequence[Question], *, err: bool = True) -> None:
    """Print each question with its minutes and cents, and the sums."""
    for question in questions:
        cost = f"{question.minutes:>4.1f} min  {question.cents:>4.1f} ¢"
        click.echo(f"  {question.id:<18} {cost}  {question.asks}", err=err)
    minutes, cents = sum(question.minutes for question in questions), sum(question.cents for question in questions)
    click.echo(f"  {'all':<18} {minutes:>4.0f} min  {cents:>4.1f} ¢  at most", err=err)
