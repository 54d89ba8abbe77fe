"""Replay one attempt of a pulled run on this machine: the project's handler, the same event, the same virtual time.

The project's stack is deployed to a cloud in this process, at the time at which the attempt started. No schedule fires.
The ledger is empty but for the row of this run, so that the attempt has the same number and checkpoint. Every call of
AWS that the handler makes with boto3, ``run.commit``, ``run.checkpoint`` and ``once`` reach this cloud only, and are
lost at the end. Calls by other libraries, such as HTTP requests, are real.

``prepare`` of the project's ``tests/simulation.py`` may fill the cloud with data before.
"""

from __future__ import annotations

import bdb
import inspect
import json
import pdb
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from cronstack.errors import OperationError
from cronstack.ledger.items import VERSION, encode
from cronstack.ledger.partitions import run_key
from cronstack.occurrence import to_milliseconds
from cronstack.run import Run
from cronstack_infra import names
from cronstack_infra.ops.deployment import Deployment, deployed_jobs, find_deployment, find_job
from cronstack_infra.ops.logs import group_of
from cronstack_infra.ops.pulled.file import PulledRun
from cronstack_infra.ops.runs import RunRow, find_run
from cronstack_infra.play.simulation.handlers.sandboxes import Killed
from cronstack_infra.play.simulation.silence import silence
from cronstack_infra.project import Project
from cronstack_infra.testing.choice import Choice
from cronstack_infra.testing.prepare import preparation

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

Stop = Literal["never", "failure", "start"]
"""When the debugger stops: not at all; where the handler fails; at its first line, and where it fails."""
PATIENCE: Final = timedelta(hours=1)
"""Virtual time within which the attempt must end. Lambda ends it after 15 minutes at most."""
Report = Callable[[str], None]


@dataclass(frozen=True)
class Replayed:
    """Result of a replay."""

    outcome: str
    """Outcome of the attempt, as in the log line of the runtime: "succeeded", "retrying", "dead", "crashed" …"""
    attempt: int
    seconds: float
    """Virtual seconds that the attempt took."""
    result: Any
    """What the handler returned or committed, as the ledger stores it."""
    error: str
    trace: str
    """The traceback of the handler's exception, from the handler on; "" if it raised none."""
    log: tuple[str, ...]
    """Lines of the function's log. The last one is the runtime's own."""

    @property
    def succeeded(self) -> bool:
        return self.outcome == "succeeded"


def ignore_stage(text: str) -> None:
    """Show no progress."""


def replay(
    project: Project, package: str, pulled: PulledRun, *, stop: Stop = "never", on_stage: Report = ignore_stage
) -> Replayed:
    """Run the attempt of a pulled run. Raise OperationError if the project's stack lacks the job.

    stop: when a debugger stops; it uses this process's terminal. on_stage: receives a sentence for each step.
    """
    from cronstack_infra.play.simulation.cloud.assembly import synthesize
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

    prepare = preparation(Choice(project, package, pulled.at, seed=0))
    assembly = synthesize(project, package, progress=on_stage)
    on_stage("The stack is deployed in this process.")
    with VirtualCloud(pulled.at, shown=str(project.functions)) as cloud:
        cloud.deploy(assembly)
        deployment = find_deployment(cloud.client("cloudformation"), project.stack(package))
        find_job(cloud.client("lambda"), deployment, pulled.job)
        jobs = {job.name for job in deployed_jobs(cloud.client("lambda"), deployment)}
        silence(cloud.client("scheduler"), deployment.stack, jobs)
        if prepare is not None:
            prepare(cloud)
        return _attempt(cloud, deployment, pulled, stop)


def _attempt(cloud: VirtualCloud, deployment: Deployment, pulled: PulledRun, stop: Stop) -> Replayed:
    _store_run(cloud.client("dynamodb"), deployment.ledger, pulled)
    function = names.function_name(deployment.stack, pulled.job)
    caught = _Caught(stop)
    cloud.jobs.around = caught.call
    cloud.client("lambda").invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps(dict(pulled.event)).encode()
    )
    read = len(cloud.events)

    def unfinished() -> bool:
        return not any(_is_of(event, pulled) for event in cloud.events[read:])

    with caught.debugger_for_breakpoints():
        cloud.advance(PATIENCE, unfinished)
    ended = next((event for event in cloud.events[read:] if _is_of(event, pulled)), None)
    if ended is None:
        raise OperationError(f"{pulled.job} has not ended after {PATIENCE}", remedy="Run it on the local cloud.")
    row = find_run(cloud.client("dynamodb"), deployment, pulled.job, pulled.occurrence, cloud.now)
    return Replayed(
        outcome=str(ended["outcome"]),
        attempt=int(ended["attempt"] or pulled.attempt),
        seconds=float(ended["seconds"]),
        result=row.result if row is not None and row.status == "succeeded" else None,
        error=_error(ended, row),
        trace=caught.trace,
        log=tuple(_log(cloud, function)),
    )


def _is_of(event: dict[str, Any], pulled: PulledRun) -> bool:
    own = (event.get("event"), event.get("job"), event.get("occurrence"))
    return own == ("attempt", pulled.job, pulled.occurrence)


def _error(ended: dict[str, Any], row: RunRow | None) -> str:
    return str(ended["error"]) or str(ended["reason"]) or (row.error if row is not None else "")


def _store_run(dynamodb: Any, ledger: str, pulled: PulledRun) -> None:
    """Store the run as before the attempt: retrying, with the attempts and the checkpoint that it had."""
    of = pulled.parsed
    values: dict[str, str | int] = {
        "status": "retrying",
        "due": of.due,
        "attempt": pulled.attempt - 1,
        "limit": pulled.limit,
        "payload": of.payload,
        "after": to_milliseconds(pulled.due),
        "v": VERSION,
    }
    if pulled.checkpoint is not None:
        values |= {"checkpoint": json.dumps(pulled.checkpoint), "saves": 1}
    if of.key:
        values |= {"key": of.key, "revision": of.revision or 0}
    dynamodb.update_item(
        TableName=ledger,
        Key=run_key(pulled.job, pulled.occurrence),
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
        ExpressionAttributeNames={f"#{name}": name for name in values},
        ExpressionAttributeValues={f":{name}": encode(value) for name, value in values.items()},
    )


def _log(cloud: VirtualCloud, function: str) -> Iterator[str]:
    """Yield the lines of the function's log, without those of Lambda itself."""
    logs = cloud.client("logs")
    group = group_of(cloud.client("lambda"), function)
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = [event["message"].rstrip("\n") for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return
    yield from (line for line in lines if not line.startswith(("START ", "END ", "REPORT ", "INIT_START ")))


class _Caught:
    """Calls the user's function, keeps the traceback of its exception, and starts the debugger."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self.trace = ""

    def call(self, function: Callable[[Run], object], run: Run) -> object:
        try:
            if self._stop == "start":
                return _debugger().runcall(function, run)
            return function(run)
        except Killed:  # the time limit of Lambda
            raise
        except BaseException as raised:  # the runtime records it; a handler may raise any exception
            own = raised.__traceback__
            while own is not None and own.tb_frame.f_code is not _code_of(function):
                own = own.tb_next
            self.trace = "".join(traceback.format_exception(type(raised), raised, own))
            if self._stop != "never" and own is not None and not isinstance(raised, bdb.BdbQuit):
                print(self.trace, end="", file=sys.__stdout__)
                debugger = _debugger()
                debugger.reset()
                debugger.interaction(None, own)
            raise

    @contextmanager
    def debugger_for_breakpoints(self) -> Iterator[None]:
        """Make ``breakpoint()`` in the handler use the terminal: the output of a handler goes to its log."""
        before = sys.breakpointhook

        def stop_here(*args: object, **options: object) -> None:
            _debugger().set_trace(sys._getframe(1))

        sys.breakpointhook = stop_here
        try:
            yield
        finally:
            sys.breakpointhook = before


def _code_of(function: Callable[[Run], object]) -> object:
    """Return the code of a function below its decorators that set ``__wrapped__``."""
    return getattr(inspect.unwrap(function), "__code__", None)


def _debugger() -> pdb.Pdb:
    return pdb.Pdb(stdin=sys.__stdin__, stdout=sys.__stdout__, nosigint=True)
