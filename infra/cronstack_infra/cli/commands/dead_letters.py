"""``cronstack dead-letters``: list, show and group dead letters, and redrive them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, get_args

import click

from cronstack import clock
from cronstack.ledger.rows import FINISHED
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.output.counting import Count, counting
from cronstack_infra.cli.output.spans import span, utc
from cronstack_infra.cli.output.tables import print_json, print_keyed, print_table, printable, short
from cronstack_infra.cli.output.waiting import Attempts
from cronstack_infra.ops.dead_letters.dropping import drop as drop_letters
from cronstack_infra.ops.dead_letters.letters import DeadLetter, summarise
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, not_found, redrive
from cronstack_infra.ops.dead_letters.remedies import rename, shown
from cronstack_infra.ops.dead_letters.unwrapping import Origin
from cronstack_infra.ops.deployment import deployed_jobs

PATIENCE = 1200.0
LONGEST_ERROR = 100

origin_option = click.option(
    "--origin",
    type=click.Choice(get_args(Origin)),
    help="delivery: Scheduler could not invoke; handler: attempts used up; refused: not ours, or too old; missed: past"
    " its start deadline.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(short_help="List dead letters and redrive them.")
def command() -> None:
    """What ran out of attempts, was refused, was missed, or could not be delivered. Looking at it loses nothing."""


def _on_letters(function: Callable[..., Any]) -> Callable[..., Any]:
    for add in (cloud_options, json_option, origin_option, click.argument("job", required=False)):
        function = add(function)
    return function


@command.command("list")
@_on_letters
def list_(cloud: Cloud, job: str | None, origin: str | None, as_json: bool) -> None:
    """List dead letters, the oldest first: of one JOB, or of all."""
    letters, unread = _read(cloud, job, origin)
    if as_json:
        print_json([letter.as_json() for letter in letters])
    elif letters:
        now = clock.now()
        rows = [
            (
                letter.contents.origin,
                letter.contents.job or "?",
                letter.occurrence or "?",
                short(letter.key),
                str(letter.contents.attempt or "-"),
                f"{span(now - letter.since)} ago",
                letter.contents.reason,
                _short(letter.contents.error),
            )
            for letter in letters
        ]
        print_keyed(("origin", "job", "occurrence", "key", "attempt", "since", "reason", "error"), rows)
        _warn_of_removed(cloud, letters)
    else:
        click.echo(_none(unread))


@command.command()
@_on_letters
def summary(cloud: Cloud, job: str | None, origin: str | None, as_json: bool) -> None:
    """Group dead letters by cause, the commonest first."""
    letters, unread = _read(cloud, job, origin)
    causes = summarise(letters)
    if as_json:
        print_json(
            [
                {
                    "letters": cause.letters,
                    "origin": cause.origin,
                    "job": cause.job,
                    "reason": cause.reason,
                    "error": cause.error,
                    "oldest": cause.oldest.isoformat(),
                    "newest": cause.newest.isoformat(),
                }
                for cause in causes
            ]
        )
    elif causes:
        columns = ("letters", "origin", "job", "reason", "error", "oldest", "newest")
        print_table(
            columns,
            [
                (str(c.letters), c.origin, c.job or "?", c.reason, _short(c.error), utc(c.oldest), utc(c.newest))
                for c in causes
            ],
        )
    else:
        click.echo(_none(unread))


@command.command()
@click.argument("id")
@cloud_options
def show(cloud: Cloud, id: str) -> None:
    """Show one dead letter whole. ID is the letter's, its occurrence's or its key, or how one of these begins."""
    letters, unread = _read(cloud, None, None)
    found = [one for one in letters if any(name.startswith(id) for name in (one.id, one.occurrence, one.key))]
    if not found:
        raise not_found(id, unread)
    for letter in found:
        print_json(letter.as_json() | {"body": _body(letter)})


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@json_option
@cloud_options
def drop(cloud: Cloud, ids: tuple[str, ...], as_json: bool) -> None:
    """Delete dead letters without a run, by their ids ("list --json"). Prints each whole: nothing else has it then."""
    dropped = drop_letters(cloud("sqs"), cloud.deployment(), ids, counting=_counting)
    if as_json:
        print_json([one.as_json() | {"body": _body(one)} for one in dropped])
        return
    for one in dropped:
        click.echo(printable(f"dropped  {one.job or '?'}  {one.occurrence or one.id}  {one.reason}  {one.body}"))


@command.command("redrive")
@click.argument("job", required=False)
@origin_option
@click.option("--id", "ids", metavar="ID", multiple=True, help="Only this letter; may be repeated.")
@click.option("--as", "as_job", metavar="NEWNAME", help="The job has this name now. Needs JOB, its old name, or --id.")
@click.option("--wait", is_flag=True, help="Stay until each has ended; exit 1 unless all succeeded.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, with its input. Send and delete nothing.")
@click.option("--any-sender", is_flag=True, help="Also letters that another job's role, or a user, has sent.")
@json_option
@cloud_options
def redrive_(
    cloud: Cloud,
    job: str | None,
    origin: str | None,
    ids: tuple[str, ...],
    as_job: str | None,
    wait: bool,
    dry_run: bool,
    any_sender: bool,
    as_json: bool,
) -> int:
    """Send what dead letters name again, of one JOB or of all: the same occurrence, its next attempt.

    What was missed starts, however late it is. A letter only names an occurrence: the ledger and the deployed schedules
    decide whether it runs, and with which input. The printed line tells where a letter says something else.

    A letter leaves its queue once its event was accepted. What has succeeded meanwhile is not run again. The line of
    a letter that stays says why, and what to do. Exit code 1 while letters stay, or if a queue may have others that
    SQS did not return.

    \b
    cronstack dead-letters redrive --dry-run
    cronstack dead-letters redrive daily_stats --origin missed
    cronstack dead-letters redrive daily_stats --as daily_figures
    """
    if as_job is not None and job is None and not ids:
        raise click.UsageError("--as NEWNAME needs the old name, JOB, or --id: which letters belong to NEWNAME?")
    if dry_run and wait:
        raise click.UsageError("--dry-run sends nothing, so there is nothing to --wait for.")
    results, unread = list[Redriven](), _Unread()
    for one in redrive(
        cloud,
        cloud.deployment(),
        clock=clock.now,
        sleep=clock.sleep,
        job=job,
        origin=origin,
        ids=ids,
        as_job=as_job,
        wait=PATIENCE if wait else 0,
        dry_run=dry_run,
        any_sender=any_sender,
        report=lambda occurrence: Attempts(occurrence.job, prefix=f"{occurrence.job}  {occurrence.id}  "),
        warn=_warn,
        unread=unread,
        counting=_counting,
    ):
        results.append(one)
        if not as_json:
            _print_result(one, dry_run)
    if as_json:
        print_json([_result_as_json(one, dry_run) for one in results])
    elif not results:
        click.echo(_none(unread.sentences))
    if any(not one.accepted for one in results):
        _warn("to delete a letter without a run: cronstack dead-letters drop ID")
    good = (*FINISHED, "") if not wait else ("succeeded",)
    done = all(one.accepted and one.status in good for one in results)
    return 0 if done and (ids or not unread.sentences) else 1


def _print_result(one: Redriven, dry_run: bool) -> None:
    done = "ready" if dry_run else "redriven"
    mark = click.style(done, fg="green") if one.accepted else click.style("left", fg="yellow")
    detail = f"{one.detail}, input {shown(one.input)} by {one.source}" if dry_run and one.source else one.detail
    line = (
        f"{one.letter.contents.job or '?'}  {one.letter.occurrence or one.letter.id}  {'; '.join([detail, *one.notes])}"
    )
    click.echo(f"{mark}  {printable(f'{line}. {one.remedy}' if one.remedy else line)}")


def _result_as_json(one: Redriven, dry_run: bool) -> dict[str, Any]:
    return one.letter.as_json() | {
        "dry_run": dry_run,
        "accepted": one.accepted,
        "detail": one.detail,
        "status": one.status or None,
        "remedy": one.remedy or None,
        "input": one.input,
        "input_by": one.source or None,
        "notes": [*one.notes],
        "sent_by": one.sender or None,
    }


class _Unread:
    """What was not read: each sentence is printed, and kept."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)
        _warn(f"{sentence}: give the same command again in two minutes")


def _read(cloud: Cloud, job: str | None, origin: str | None) -> tuple[list[DeadLetter], list[str]]:
    """Return letters, and why there may be others."""
    unread = _Unread()
    of = (cloud("sqs"), cloud.deployment())
    letters = list_letters(*of, job=job, origin=origin, unread=unread, warn=_warn, counting=_counting)
    return letters, unread.sentences


def _warn_of_removed(cloud: Cloud, letters: list[DeadLetter]) -> None:
    """Name the remedy for letters of jobs that are not deployed."""
    deployed = {job.name for job in deployed_jobs(cloud("lambda"), cloud.deployment())}
    for job in sorted({letter.job for letter in letters if letter.job} - deployed):
        _warn(f"the job {job} is not deployed: declare it again, deploy, and redrive its letters. {rename(job)}")


def _counting() -> AbstractContextManager[Count]:
    return counting("dead letters")


def _none(unread: list[str]) -> str:
    return "No dead letters were read, but there may be some: see the note." if unread else "No dead letters."


def _warn(text: str) -> None:
    click.echo(f"note: {printable(text)}", err=True)


def _short(error: str) -> str:
    return error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}…"


def _body(letter: DeadLetter) -> Any:
    try:
        return json.loads(letter.body)
    except ValueError:
        return letter.body
