"""The start and end of ``infra/app.py``: find the jobs by ``cdk.json`` and ``-c jobs=...``, and synthesize the app.

Invalid declarations are reported before aws_cdk is loaded, in one message, without a traceback: exit code 2. Faults of
the environment: exit code 1.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cronstack.clock import now
from cronstack.errors import CronstackError, DeclarationError, ScheduleError
from cronstack_infra.discovery.importing import importable
from cronstack_infra.lock_file import update
from cronstack_infra.project import Project
from cronstack_infra.toolchain.caches import set_writable_caches, writable_home

if TYPE_CHECKING:
    import aws_cdk as cdk

    from cronstack_infra.discovery.discover import DeclaredJob
    from cronstack_infra.lock_file import Lock


RESOURCES: Final = ("resources", "example_resources")
"""Modules in the folder of ``infra/app.py`` that grant the rights of jobs."""


@dataclass(frozen=True)
class Synthesis:
    """One synthesis of a package of jobs of a project."""

    app: cdk.App
    project: Project
    package: str
    """The package of jobs, from ``-c jobs=...``. Defaults to "jobs"."""
    stack_name: str
    jobs: tuple[DeclaredJob, ...]
    lock: Lock | None
    """Content of cronstack.lock, updated with the declared jobs."""


@contextmanager
def entry(app_file: str) -> Iterator[Synthesis]:
    """``with entry(__file__) as project: ...``; the app is synthesized when the block ends."""
    try:
        project = Project.find(Path(app_file).resolve().parent)
        with importable(project.functions):
            started = _start(project)
            yield started
            from cronstack_infra.aws.at_synth import synthesize

            _check_last(started.app)
            synthesize(started.app)
    except CronstackError as fault:
        print(fault, file=sys.stderr)
        sys.exit(2 if isinstance(fault, DeclarationError | ScheduleError) else 1)
    except ImportError as fault:
        if fault.name not in RESOURCES:
            raise
        print(f"infra/{fault.name}.py has no function 'resources'", file=sys.stderr)
        print("  Define it, and grant the rights of the jobs in it: def resources(stack, jobs): ...", file=sys.stderr)
        sys.exit(2)


def _check_last(app: cdk.App) -> None:
    """Make the deploy checks depend on the resources of ``resources`` too, so that a deletion starts with them."""
    from cronstack_infra.aws.stack import CronstackStack

    for stack in app.node.children:
        if isinstance(stack, CronstackStack):
            stack.deploy_check.come_last()


def _start(project: Project) -> Synthesis:
    from cronstack_infra.discovery.clock_notes import clock_notes
    from cronstack_infra.discovery.coincidences import coincidence_notes
    from cronstack_infra.discovery.discover import discover
    from cronstack_infra.discovery.rate_notes import rate_notes

    # The CDK CLI passes the context of cdk.json and of the command line together; without the CLI, read the file.
    context: dict[str, Any] = dict(project.context) | json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    package = str(context.get("jobs", "jobs"))
    set_writable_caches(os.environ, project.state)
    today = now()
    discovered = discover(package, project.functions, now=today)
    jobs = discovered.jobs
    for note in (*discovered.notes, *clock_notes(jobs, today), *coincidence_notes(jobs, today), *rate_notes(jobs)):
        print(f"note: {note}", file=sys.stderr)
    local = str(context.get("cronstack:local")).lower() == "true"
    lock = update(project.root, package, {declared.name: declared.job.by_code for declared in jobs}, local=local)
    with writable_home(os.environ, project.state):
        app = _app(context, local)
    return Synthesis(app, project, package, project.stack(package), jobs, lock)


def _app(context: dict[str, Any], local: bool) -> cdk.App:
    import aws_cdk as cdk

    # aws-cdk-lib validates the template against AWS's schemas, which takes most of the time. A local deployment skips
    # this: the local cloud refuses unknown properties, and a deployment to AWS is validated.
    return cdk.App(context=context, builtin_cloud_formation_validation=not local)
