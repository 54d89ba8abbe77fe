"""What ``infra/app.py`` begins and ends with: from ``cdk.json`` and ``-c jobs=...`` to the jobs and an app.

Wrong declarations are told before aws_cdk is loaded, in one message, without a traceback: exit code 2; what is wrong
with the surroundings: 1.
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
from cronstack_infra.toolchain.caches import give_writable_caches, writable_home

if TYPE_CHECKING:
    import aws_cdk as cdk

    from cronstack_infra.discovery.discover import DeclaredJob
    from cronstack_infra.lock_file import Lock


RESOURCES: Final = ("resources", "example_resources")
"""The files beside ``infra/app.py`` that say what jobs may touch."""


@dataclass(frozen=True)
class Entry:
    """One synthesis: of which project, which package of jobs."""

    app: cdk.App
    project: Project
    package: str
    """The package of jobs, chosen by ``-c jobs=...``. Defaults to "jobs"."""
    stack_name: str
    jobs: tuple[DeclaredJob, ...]
    lock: Lock | None
    """Content of cronstack.lock, with the jobs that are declared now."""


@contextmanager
def entry(app_file: str) -> Iterator[Entry]:
    """``with entry(__file__) as project: ...``; the app is synthesized when the block ends."""
    try:
        project = Project.find(Path(app_file).resolve().parent)
        with importable(project.functions):
            begun = _begin(project)
            yield begun
            from cronstack_infra.aws.at_synth import synthesize

            _check_last(begun.app)
            synthesize(begun.app)
    except CronstackError as fault:
        print(fault, file=sys.stderr)
        sys.exit(2 if isinstance(fault, DeclarationError | ScheduleError) else 1)
    except ImportError as fault:
        if fault.name not in RESOURCES:
            raise
        print(f"infra/{fault.name}.py: there is no function 'resources' in it", file=sys.stderr)
        print("  Say what the jobs may touch in: def resources(stack, jobs): ...", file=sys.stderr)
        sys.exit(2)


def _check_last(app: cdk.App) -> None:
    """Make the deploy checks depend on what ``resources`` has added, too: a deletion asks them first."""
    from cronstack_infra.aws.stack import CronstackStack

    for stack in app.node.children:
        if isinstance(stack, CronstackStack):
            stack.deploy_check.come_last()


def _begin(project: Project) -> Entry:
    from cronstack_infra.discovery.clock_notes import clock_notes
    from cronstack_infra.discovery.discover import discover
    from cronstack_infra.discovery.meetings import meeting_notes
    from cronstack_infra.discovery.rate_notes import rate_notes

    # The CLI hands over the context of cdk.json and of the command line together; without it there is the file.
    context: dict[str, Any] = dict(project.context) | json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    package = str(context.get("jobs", "jobs"))
    give_writable_caches(os.environ, project.state)
    today = now()
    found = discover(package, project.functions, now=today)
    jobs = found.jobs
    for note in (*found.notes, *clock_notes(jobs, today), *meeting_notes(jobs, today), *rate_notes(jobs)):
        print(f"note: {note}", file=sys.stderr)
    local = str(context.get("cronstack:local")).lower() == "true"
    lock = update(project.root, package, {one.name: one.job.by_code for one in found.jobs}, local=local)
    with writable_home(os.environ, project.state):
        app = _app(context, local)
    return Entry(app, project, package, project.stack(package), found.jobs, lock)


def _app(context: dict[str, Any], local: bool) -> cdk.App:
    import aws_cdk as cdk

    # aws-cdk-lib checks the template against AWS's schemas, which takes most of the time; for the laptop it is left
    # out: the local cloud refuses what it does not know, and the deploy to AWS is checked.
    return cdk.App(context=context, builtin_cloud_formation_validation=not local)
