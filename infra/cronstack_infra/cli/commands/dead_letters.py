"""``cronstack dead-letters``: list, show, group, redrive and delete dead letters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, get_args

import click

from cronstack import clock
from cronstack.ledger.rows import FINISHED
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.reasons import announce_action, reason_option
from cronstack_infra.cli.output.counting import Count, counting
from cronstack_infra.cli.output.spans import span
from cronstack_infra.cli.output.tables import json_text, print_json, print_keyed, print_table, printable, short
from cronstack_infra.cli.output.waiting import AttemptPrinter
from cronstack_infra.ops.audit import SHOWN, THE_STACK
from cronstack_infra.ops.dead_letters.dropping import drop as drop_letters
from cronstack_infra.ops.dead_letters.letters import DeadLetter, advice_of, summarise
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, not_found, redrive
from cronstack_infra.ops.dead_letters.remedies import rename, shown
from cronstack_infra.ops.dead_letters.unwrapping import Origin
from cronstack_infra.ops.deployment import Deployment, deployed_jobs

PATIENCE = 1200.0
LONGEST_ERROR = 100

origin_option = click.option(
    "--origin",
    type=click.Choice(get_args(Origin)),
    help="delivery: Scheduler could not invoke the function; handler: no attempts are left; refused: not an event of"
    " Cronstack, or too old; missed: past its start deadline.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(short_help="List dead letters and redrive them.")
def command() -> None:
    """Events that could not be delivered or were refused, and runs that failed or were missed. Listing them is safe."""


def _on_letters(function: Callable[..., Any]) -> Callable[..., Any]:
    for add in (cloud_options, json_option, origin_option, click.argument("job", required=False)):
        function = add(function)
    return function


@command.command("list")
@_on_letters
def list_(cloud: SelectedCloud, job: str | None, origin: str | None, as_json: bool) -> None:
    """List dead letters of one JOB, or of all, the oldest first."""
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
def summary(cloud: SelectedCloud, job: str | None, origin: str | None, as_json: bool) -> None:
    """Group dead letters by job, origin, reason and class of error, the most frequent first.

    REDRIVE is "safe" if the occurrences have never started; "check" if their handlers have started and failed; "no" if
    the job would refuse them again. In all cases, what has succeeded does not run again.
    """
    letters, unread = _read(cloud, job, origin)
    causes = summarise(letters)
    if as_json:
        print_json([cause.as_json() for cause in causes])
    elif causes:
        now = clock.now()
        rows = [
            (
                str(cause.letters),
                cause.origin,
                cause.job or "?",
                cause.reason,
                f"{span(now - cause.oldest)} ago",
                cause.advice.safety,
                _short(cause.example),
            )
            for cause in causes
        ]
        print_table(("letters", "origin", "job", "reason", "oldest", "redrive", "latest error"), rows)
        click.echo()
        for advice in dict.fromkeys(cause.advice for cause in causes):
            click.echo(f"{advice.safety}: {advice.why}.")
    else:
        click.echo(_none(unread))


@command.command()
@click.argument("id")
@json_option
@cloud_options
def show(cloud: SelectedCloud, id: str, as_json: bool) -> None:
    """Show complete dead letters. ID is the letter's id, occurrence or key, or the beginning of one of these.

    To see what a redrive would run: cronstack dead-letters redrive --id ID --dry-run
    """
    letters, unread = _read(cloud, None, None)
    found = [
        letter for letter in letters if any(name.startswith(id) for name in (letter.id, letter.occurrence, letter.key))
    ]
    if not found:
        raise not_found(id, unread)
    objects = [_whole(letter) for letter in found]
    if as_json:
        print_json(objects)
        return
    for number, fields in enumerate(objects):
        if number:
            click.echo()
        for name, value in fields.items():
            text = value if isinstance(value, str) else json_text(value)
            click.echo(f"{name:<12}{'-' if value in (None, '') else printable(text)}")


def _whole(letter: DeadLetter) -> dict[str, Any]:
    """Return all fields of a letter, the body of its message last."""
    advice = advice_of(letter)
    return letter.as_json() | {"redrive": advice.safety, "why": advice.why, "body": _body(letter)}


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@reason_option
@json_option
@cloud_options
def drop(cloud: SelectedCloud, ids: tuple[str, ...], reason: str, as_json: bool) -> int:
    """Delete dead letters without a run, by their ids (see "list --json").

    Each letter is printed before the first one is deleted, because no other copy exists. After an interruption, run
    the same command again. Exit code 1 if an id has no letter.
    """
    deployment = cloud.deployment()

    def show_first(letters: Sequence[DeadLetter]) -> None:
        _announce(cloud, deployment, "drop", reason, letters, ids=[letter.id for letter in letters[:SHOWN]])
        if as_json:
            print_json([_whole(letter) for letter in letters])
        else:
            for letter in letters:
                place = f"{letter.job or '?'}  {letter.occurrence or letter.id}"
                click.echo(printable(f"drop  {place}  {letter.reason}  {letter.body}"))
        sys.stdout.flush()

    dropped = drop_letters(cloud("sqs"), deployment, ids, counting=_counting, before=show_first)
    for id in dropped.absent:
        _warn(f"no dead letter {id}: it was deleted before, or the id is wrong")
    return 1 if dropped.absent else 0


@command.command("redrive")
@click.argument("job", required=False)
@origin_option
@click.option("--id", "ids", metavar="ID", multiple=True, help="Only this letter; may be repeated.")
@click.option("--as", "as_job", metavar="NEWNAME", help="New name of the job. Needs JOB, its old name, or --id.")
@click.option("--wait", is_flag=True, help="Wait for the end of each run; exit code 1 unless all succeeded.")
@click.option("--dry-run", is_flag=True, help="Print each event and its input. Send and delete nothing.")
@click.option(
    "--any-sender", is_flag=True, help="Also redrive letters that were sent by another job's role, or by a user."
)
@click.option("--while-paused", is_flag=True, help="Also redrive letters of paused jobs. Otherwise they stay.")
@reason_option
@json_option
@cloud_options
def redrive_(
    cloud: SelectedCloud,
    job: str | None,
    origin: str | None,
    ids: tuple[str, ...],
    as_job: str | None,
    wait: bool,
    dry_run: bool,
    any_sender: bool,
    while_paused: bool,
    reason: str,
    as_json: bool,
) -> int:
    """Send the events of dead letters again, of one JOB or of all: the same occurrence, with its next attempt.

    A missed occurrence starts, however late it is. A letter only names an occurrence: the ledger and the deployed
    schedules decide whether it runs, and with which input. The printed line notes where a letter differs from them.

    A letter is deleted from its queue after its event was accepted, or if no run is needed: an occurrence that has
    succeeded is not run again.
    If a letter stays, its line shows the reason and the remedy. Exit code 1 if letters stay, or if a queue may have
    others that SQS did not return.

    \b
    cronstack dead-letters redrive --dry-run
    cronstack dead-letters redrive daily_stats --origin missed
    cronstack dead-letters redrive daily_stats --as daily_figures
    """
    if as_job is not None and job is None and not ids:
        raise click.UsageError("--as NEWNAME needs JOB, the old name, or --id, to select the letters.")
    if dry_run and wait:
        raise click.UsageError("--dry-run sends nothing, so there is nothing to --wait for.")
    results, unread, deployment = list[Redriven](), _Unread(), cloud.deployment()

    def announce(letters: Sequence[DeadLetter]) -> None:
        _announce(
            cloud, deployment, "redrive", reason, letters, **{"origin": origin, "as": as_job, "any_sender": any_sender}
        )

    for result in redrive(
        cloud,
        deployment,
        clock=clock.now,
        sleep=clock.sleep,
        job=job,
        origin=origin,
        ids=ids,
        as_job=as_job,
        wait=PATIENCE if wait else 0,
        dry_run=dry_run,
        any_sender=any_sender,
        while_paused=while_paused,
        report=lambda occurrence: AttemptPrinter(occurrence.job, prefix=f"{occurrence.job}  {occurrence.id}  "),
        warn=_warn,
        unread=unread,
        counting=_counting,
        before=announce,
    ):
        results.append(result)
        if not as_json:
            _print_result(result, dry_run)
    if as_json:
        print_json([_result_as_json(result, dry_run) for result in results])
    elif not results:
        click.echo(_none(unread.sentences))
    if any(not result.accepted for result in results):
        _warn("to delete a letter without a run: cronstack dead-letters drop ID")
    good = (*FINISHED, "") if not wait else ("succeeded",)
    done = all(result.accepted and result.status in good for result in results)
    return 0 if done and (ids or not unread.sentences) else 1


def _announce(
    cloud: SelectedCloud,
    deployment: Deployment,
    action: str,
    reason: str,
    letters: Sequence[DeadLetter],
    **details: Any,
) -> None:
    """Record one action on several letters: of their job, or of the stack if they have several jobs."""
    jobs = {letter.job for letter in letters}
    job = jobs.pop() if len(jobs) == 1 else THE_STACK
    occurrences = [letter.occurrence for letter in letters if letter.occurrence]
    named = {"letters": len(letters), "occurrences": occurrences[:SHOWN]}
    announce_action(cloud, deployment, job, action, reason, **named, **details)


def _print_result(result: Redriven, dry_run: bool) -> None:
    done = "ready" if dry_run else "redriven"
    mark = click.style(done, fg="green") if result.accepted else click.style("left", fg="yellow")
    detail, letter = result.detail, result.letter
    if dry_run and result.source:
        detail = f"{detail}, input {shown(result.input)} by {result.source}"
    place = f"{letter.contents.job or '?'}  {letter.occurrence or letter.id}"
    line = f"{place}  {'; '.join([detail, *result.notes])}"
    click.echo(f"{mark}  {printable(f'{line}. {result.remedy}' if result.remedy else line)}")


def _result_as_json(result: Redriven, dry_run: bool) -> dict[str, Any]:
    return result.letter.as_json() | {
        "dry_run": dry_run,
        "accepted": result.accepted,
        "detail": result.detail,
        "status": result.status or None,
        "remedy": result.remedy or None,
        "input": result.input,
        "input_by": result.source or None,
        "notes": [*result.notes],
        "sent_by": result.sender or None,
    }


class _Unread:
    """The reasons why letters may be unread. Each is printed and kept."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)
        _warn(f"{sentence}: run the same command again in two minutes")


def _read(cloud: SelectedCloud, job: str | None, origin: str | None) -> tuple[list[DeadLetter], list[str]]:
    """Return the letters, and the reasons why there may be others."""
    unread = _Unread()
    sqs, deployment = cloud("sqs"), cloud.deployment()
    letters = list_letters(sqs, deployment, job=job, origin=origin, unread=unread, warn=_warn, counting=_counting)
    return letters, unread.sentences


def _warn_of_removed(cloud: SelectedCloud, letters: list[DeadLetter]) -> None:
    """Print the remedy for letters of jobs that are not deployed."""
    deployed = {job.name for job in deployed_jobs(cloud("lambda"), cloud.deployment())}
    for job in sorted({letter.job for letter in letters if letter.job} - deployed):
        _warn(f"the job {job} is not deployed: declare it again, deploy, and redrive its letters. {rename(job)}")


def _counting() -> AbstractContextManager[Count]:
    return counting("dead letters")


def _none(unread: list[str]) -> str:
    return "No dead letters were read, but some may exist: see the note." if unread else "No dead letters."


def _warn(text: str) -> None:
    click.echo(f"note: {printable(text)}", err=True)


def _short(error: str) -> str:
    return error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}…"


def _body(letter: DeadLetter) -> Any:
    try:
        return json.loads(letter.body)
    except ValueError:
        return letter.body
