"""File and line of each deployed job's function, found by its handler's name, without an import."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cronstack_infra import names
from cronstack_infra.ops.deployment import Deployment, deployed_jobs
from cronstack_infra.project import Project


@dataclass(frozen=True)
class Place:
    """File and line of a function, such as "functions/jobs/hello.py:6"."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def places(functions: Any, deployment: Deployment, project: Project) -> Mapping[str, Place]:
    """Return the place of each deployed job, by name."""
    found = {}
    for job in deployed_jobs(functions, deployment):
        handler = functions.get_function_configuration(FunctionName=names.function_name(deployment.stack, job.name))[
            "Handler"
        ]
        module, _, function = handler.rpartition(".")
        file = project.functions.joinpath(*module.split(".")).with_suffix(".py")
        found[job.name] = Place(str(file.relative_to(project.root)), line_of(file, function))
    return found


def line_of(file: Path, function: str) -> int:
    """Return the line of the function's first decorator. Return 1 if the function is not found."""
    try:
        body = ast.parse(file.read_text("utf-8")).body
    except (OSError, SyntaxError):
        return 1
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return 1
