"""The contents of a virtual cloud: its jobs, the rows of its ledgers, the letters in its dead-letter queues."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from moto.awslambda.models import lambda_backends
from moto.scheduler.models import scheduler_backends
from moto.sqs.models import sqs_backends

from cronstack.declaration import Job
from cronstack.deployed.form import read_schedule
from cronstack.settings import STACK
from cronstack_infra import names
from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.local.lookups.functions import function_of
from cronstack_infra.local.moto import privates
from cronstack_infra.play.simulation.cloud.deploying import outputs

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

_TRACES: Final = ("stackTrace", "trace")


@dataclass(frozen=True)
class DeployedJob:
    """A deployed job."""

    job: str
    function: str
    schedules: tuple[tuple[str, str], ...]
    """Expression and time zone, as declared."""
    where: str
    """File and line of its declaration, from the project's folder; "" when its code cannot be loaded."""


def jobs(cloud: VirtualCloud) -> tuple[DeployedJob, ...]:
    """Return all jobs of all stacks, sorted by name."""
    deployed = []
    for function in lambda_backends[ACCOUNT][REGION].list_functions():
        stack = (function.environment_vars or {}).get(STACK)
        if stack is None:
            continue
        job = function.function_name.removeprefix(f"{stack}-")
        group = scheduler_backends[ACCOUNT][REGION].schedule_groups.get(names.group_name(stack))
        schedules = [
            _declared(schedule)
            for name, schedule in sorted(group.schedules.items() if group is not None else ())
            if names.job_of_schedule(stack, name) == job
        ]
        deployed.append(DeployedJob(job, function.function_name, tuple(schedules), _where(cloud, function)))
    return tuple(sorted(deployed, key=lambda each: each.job))


def _declared(schedule: Any) -> tuple[str, str]:
    members = {
        "Description": schedule.description,
        "ScheduleExpression": schedule.schedule_expression,
        "ScheduleExpressionTimezone": schedule.schedule_expression_timezone,
    }
    declared = read_schedule(members)
    return declared.expression, declared.timezone


def _where(cloud: VirtualCloud, function: Any) -> str:
    try:
        handler = cloud.handlers.loaded(function_of(function))
    except Exception:  # of the user's module; its invocations report it
        return ""
    if not isinstance(handler, Job):
        return ""
    root = cloud.shown
    return f"functions{handler.where.removeprefix(root)}" if handler.where.startswith(root) else handler.where


def ledger_rows(cloud: VirtualCloud) -> Iterator[dict[str, Any]]:
    """Yield all items of all ledgers as plain values, without stack traces."""
    for ledger in cloud.ledgers.by_table.values():
        for key in sorted(ledger.store.items):
            item = {name: _plain(value) for name, value in ledger.store.items[key].items()}
            if isinstance(item.get("error"), str):
                item["error"] = json.dumps(_without_traces(_read(item["error"])))
            yield dict(sorted(item.items()))


def letters(cloud: VirtualCloud) -> Iterator[dict[str, Any]]:
    """Yield the letters in the dead-letter queues, the oldest first, without receiving them."""
    for stack in cloud.stacks:
        stack_outputs = outputs(cloud.client("cloudformation"), stack)
        for origin, output in (
            ("delivery", names.OUTPUT_DELIVERY_DEAD_LETTERS),
            ("handler", names.OUTPUT_HANDLER_DEAD_LETTERS),
        ):
            url = stack_outputs.get(output)
            queue = sqs_backends[ACCOUNT][REGION].queues.get(url.rsplit("/", 1)[-1]) if url else None
            for message in privates.messages(queue) if queue is not None else ():
                yield {"origin": origin, "stack": stack, "letter": _without_traces(_read(message.body))}


def _plain(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    if kind == "N":
        return int(content) if content.lstrip("-").isdigit() else float(content)
    if kind == "M":
        return {name: _plain(member) for name, member in content.items()}
    return [_plain(member) for member in content] if kind == "L" else content


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _without_traces(value: Any) -> Any:
    """Remove stack traces, which contain paths of this machine."""
    if isinstance(value, dict):
        return {name: _without_traces(member) for name, member in value.items() if name not in _TRACES}
    return [_without_traces(member) for member in value] if isinstance(value, list) else value
