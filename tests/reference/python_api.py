"""The reference of what Python code uses: the declaration, the run, ``once``, errors, the stack and the fixture."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import cronstack
from cronstack import CronstackError, Job, Run, at, cron, errors, job, parse, rate
from cronstack.onetime import bulk
from cronstack.onetime.once import Once
from cronstack.onetime.planner import Plan
from cronstack.timetable.instants import Schedule
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.redriving import Redriven
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.play.simulation.handlers.faults import Faults
from cronstack_infra.testing import plugin
from cronstack_infra.testing.cloud import Cloud
from tests.places import ROOT
from tests.reference.docstrings import class_in, markdown, one_line, read
from tests.reference.layout import code, of_attributes, of_callable, table

STACK = ROOT / "infra" / "cronstack_infra" / "aws" / "stack.py"
FUNCTION = STACK.with_name("scheduled_function.py")
MANY = inspect.cleandoc(bulk.schedule_many.__doc__ or "")
ONCE_CALLS = ("schedule", "move", "cancel", "get", "list", "schedule_many", "sweep")


def sections() -> Iterator[str]:
    yield from _declaration()
    yield from _run()
    yield from _once()
    yield from _errors()
    yield from _stack()
    yield from _fixture()


def _declaration() -> Iterator[str]:
    yield "## Declare a job\n"
    yield "Import these names from `cronstack`.\n"
    yield of_callable("job", job)
    for name, function in (("cron", cron), ("rate", rate), ("at", at)):
        yield of_callable(name, function)
    yield "### `once()` in `@job`\n"
    yield f"{one_line(Once.__call__.__doc__ or '')}\n"
    yield "### `Job`\n"
    yield f"{one_line(Job.__doc__ or '')}\n"
    yield "Each parameter of `@job` is an attribute of the same name. Further attributes:\n"
    parameters = [*inspect.signature(job).parameters, "schedules"]
    yield of_attributes(Job, prefix="job.", skip=parameters)
    yield of_callable("parse", parse)
    yield "### `Schedule`\n"
    yield f"{one_line(Schedule.__doc__ or '')}\n"
    yield of_attributes(Schedule)
    yield from _methods("schedule", Schedule, ("after", "before", "has"))


def _run() -> Iterator[str]:
    yield "## `Run`\n"
    yield f"{read(Run.__doc__ or '').prose}\n"
    yield of_attributes(Run, prefix="run.", skip=("seconds_left", "guard"))
    yield from _methods("run", Run, ("remaining", "commit", "checkpoint", "extend", "retry"))


def _once() -> Iterator[str]:
    yield "## `once`\n"
    yield "Each call takes the job itself or its name.\n"
    for name in ONCE_CALLS:
        call = inspect.getattr_static(Once, name)
        yield of_callable(f"once.{name}", call, more=MANY if name == "schedule_many" else "")
    yield "### `Plan`\n"
    yield f"{one_line(Plan.__doc__ or '')}\n"
    yield of_attributes(Plan, prefix="plan.")
    yield "### `Result` of `once.schedule_many`\n"
    yield f"{one_line(bulk.Result.__doc__ or '')}\n"
    yield of_attributes(bulk.Result, prefix="result.")


def _errors() -> Iterator[str]:
    yield "## Errors\n"
    yield f"{one_line(CronstackError.__doc__ or '')}\n"
    rows = []
    for cls in vars(errors).values():
        if isinstance(cls, type) and issubclass(cls, CronstackError):
            where = "`cronstack`" if cls.__name__ in cronstack.__all__ else "`cronstack.errors`"
            bases = ", ".join(code(base.__name__) for base in cls.__bases__)
            rows.append((code(cls.__name__), bases, where, one_line(cls.__doc__ or "")))
    yield table(("class", "base", "import from", "meaning"), rows)


def _stack() -> Iterator[str]:
    stack = class_in(STACK, "CronstackStack")
    yield "## The stack in `infra/resources.py`\n"
    yield "`def resources(stack, jobs)` receives the stack, and `jobs`: each job's resources by its name.\n"
    yield f"{_listed(ast.get_docstring(stack) or '')}\n"
    yield _of_node("stack.grant_schedule", _method(stack, "grant_schedule"))
    yield '### `jobs["name"]`\n'
    function = class_in(FUNCTION, "ScheduledFunction")
    yield f"{one_line(ast.get_docstring(function) or '')}\n"


def _fixture() -> Iterator[str]:
    yield "## The pytest fixture `cloud`\n"
    yield f"{one_line(Cloud.__doc__ or '')}\n"
    yield of_attributes(Cloud, prefix="cloud.")
    yield from _methods("cloud", Cloud, _public(Cloud))
    yield from _methods("cloud.faults", Faults, ("crash", "raises", "clear"))
    yield "### The marker `cronstack`\n"
    signature, _, text = plugin.MARKER.partition(": ")
    yield f"```text\n@pytest.mark.{signature}\n```\n"
    yield f"{markdown(text[0].upper() + text[1:])}.\n"
    for title, cls, prefix in (
        ("A run, as `cloud.fire` and `cloud.runs` return it", RunRow, "run."),
        ("A dead letter, as `cloud.dead_letters` returns it", DeadLetter, "letter."),
        ("A result of `cloud.redrive`", Redriven, "result."),
    ):
        yield f"### {title}\n"
        yield of_attributes(cls, prefix=prefix, skip=("contents", "body", "receipt", "revision"))


def _methods(prefix: str, cls: type, names: Any) -> Iterator[str]:
    for name in names:
        yield of_callable(f"{prefix}.{name}", inspect.getattr_static(cls, name))


def _public(cls: type) -> list[str]:
    """Return the names of the class's methods, in order."""
    return [name for name, value in vars(cls).items() if inspect.isfunction(value) and name[0] != "_"]


def _method(cls: ast.ClassDef, name: str) -> ast.FunctionDef:
    return next(node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == name)


def _of_node(name: str, node: ast.FunctionDef) -> str:
    parameters = ", ".join(one.arg for one in node.args.args if one.arg != "self")
    return f"### `{name}`\n\n```text\n{name}({parameters})\n```\n\n{read(ast.get_docstring(node) or '').prose}\n"


def _listed(docstring: str) -> str:
    """Return a docstring with its list of ``- name: text`` as a list of Markdown."""
    head, _, tail = docstring.partition("\n\n  - ")
    items = [markdown(item) for item in tail.split("\n  - ")] if tail else []
    return "\n\n".join(markdown(part) for part in head.split("\n\n")) + "\n\n" + "\n".join(f"- {one}" for one in items)
