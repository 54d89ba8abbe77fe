"""``cronstack runs pull``: write a run of the deployed stack into a file, to replay it on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from cronstack import clock
from cronstack.errors import OperationError
from cronstack.occurrence import planned_id
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.ops.deployment import Deployment, find_job
from cronstack_infra.ops.explaining.asking import read_question
from cronstack_infra.ops.pulled.file import PulledRun, as_text, without_secrets
from cronstack_infra.ops.pulled.pulling import last_failure, pull
from cronstack_infra.ops.schedules import schedules_of


@click.command(short_help="Write a run into a file, to replay it on this machine.")
@click.argument("job")
@click.argument("which", metavar="[OCCURRENCE|TIME]", required=False)
@click.option("--key", metavar="K", help="The run that code scheduled for JOB under this key.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File. Defaults to a name by the run; - is stdout.",
)
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option("--redact", "redacted", is_flag=True, help="Replace secrets in its input, by the rules of logs.")
@cloud_options
def command(
    cloud: SelectedCloud,
    job: str,
    which: str | None,
    key: str | None,
    output: Path | None,
    force: bool,
    redacted: bool,
) -> None:
    """Write a run of JOB into a file, with the event, the times, the number and the checkpoint of its last attempt.

    Without a time, an occurrence or --key, this is the latest run that has failed. The file contains the input of the
    run: treat it like the data in it, or add --redact. The command changes nothing.

    \b
    cronstack runs pull import_prices
    cronstack runs pull import_prices 2027-03-01T06:00 -o run.json
    cronstack replay run.json --pdb
    """
    if which is not None and key is not None:
        raise click.UsageError("Give OCCURRENCE, TIME or --key, but only one of them.")
    deployment = cloud.deployment()
    found = _pulled(cloud, deployment, find_job(cloud("lambda"), deployment, job).name, which, key)
    text = as_text(without_secrets(found) if redacted else found)
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    file = Path(f"{job}.{found.occurrence.replace(':', '')}.json") if output is None else output
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise click.BadParameter(f"{file} exists. To replace it: --force", param_hint="--output") from None
    click.echo(
        f"{file}: {found.occurrence} of {job}, attempt {found.attempt} of {found.limit}, {found.status or 'no run'}."
    )
    if found.source != "run":
        click.echo(f"Its event was read from the {found.source}: the ledger does not have it.")
    if found.code is not None and found.code.ran is False:
        click.echo(f"The code of {job} was changed on {found.code.modified}, after this attempt.")
    click.echo(f"To run it on this machine: cronstack replay {file}")


def _pulled(cloud: SelectedCloud, deployment: Deployment, job: str, which: str | None, key: str | None) -> PulledRun:
    if which is None and key is None:
        with counting("rows") as seen:
            row = last_failure(cloud("dynamodb"), deployment, job, now=clock.now(), seen=seen)
        return pull(cloud, deployment, job, row.occurrence, row.key)
    if key is not None:
        return pull(cloud, deployment, job, planned_id(key), key)
    schedules = schedules_of(cloud("scheduler"), deployment, job)
    zone = next((each.schedule.timezone for each in schedules), "UTC")
    try:
        question = read_question(job, which, None, zone)
    except OperationError as fault:
        raise click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint="OCCURRENCE|TIME") from None
    return pull(cloud, deployment, job, question.occurrence, question.key)
