"""Deploy a package of jobs to a local cloud with the real cdk CLI: fetch the CLI, bootstrap, deploy.

``up`` and ``demo`` use this module. If the CLI fails, the error contains its last lines.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cronstack.errors import CronstackError
from cronstack_infra.cli.output.screen import ProgressLine, Screen
from cronstack_infra.local.environment import ACCOUNT, pointed_at
from cronstack_infra.project import Project
from cronstack_infra.toolchain import CdkCli, ensure_cdk
from cronstack_infra.toolchain.cdk import bootstrap_args, local_args

BOOTSTRAP_LIMIT: Final = 120.0
DEPLOY_LIMIT: Final = 300.0
SHOWN_LINES: Final = 20
STACK_TRACE: Final = ("at ", "type: '", "source: '", "cause: ", "deploymentErrorCode: '", "}")
"""How the lines of a Node stack trace begin. They are not shown."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def prepare(project: Project, screen: Screen) -> CdkCli:
    """Return the pinned cdk CLI. Fetch it on first use."""
    with screen.stage("cdk CLI") as stage:
        cdk = ensure_cdk(project.root, stage.update)
        stage.update("the pinned version is installed")
    return cdk


def bootstrap(cdk: CdkCli, endpoint: str, screen: Screen) -> None:
    """Run ``cdk bootstrap`` on the local cloud."""
    environ = pointed_at(endpoint, os.environ)
    with screen.stage("cdk bootstrap") as stage:
        _run(cdk, bootstrap_args(ACCOUNT, environ), environ, BOOTSTRAP_LIMIT, stage)
        stage.update("stack CDKToolkit")


def deploy(
    cdk: CdkCli, endpoint: str, package: str, screen: Screen, *, stack: str, extra: Mapping[str, str] | None = None
) -> None:
    """Run ``cdk deploy`` for a package's stack. ``extra`` is added to the environment of the app."""
    environ = pointed_at(endpoint, os.environ) | dict(extra or {})
    with screen.stage("cdk deploy") as stage, tempfile.TemporaryDirectory(prefix="cronstack-") as output:
        _run(cdk, local_args("deploy", package=package, output=Path(output)), environ, DEPLOY_LIMIT, stage)
        stage.update(f"stack {stack}")


def _run(cdk: CdkCli, args: Sequence[str], environ: Mapping[str, str], limit: float, stage: ProgressLine) -> None:
    last_lines: deque[str] = deque(maxlen=SHOWN_LINES)
    stage.update("starting the cdk CLI")

    def show(line: str) -> None:
        plain = _COLOURS.sub("", line).strip()
        if plain and not plain.startswith(STACK_TRACE):
            last_lines.append(plain)
            stage.update(plain)

    code = cdk.run(args, environ, limit, show)
    if code != 0:
        raise CronstackError(
            f"cdk {args[0]} failed with exit code {code}. Its last lines:\n  " + "\n  ".join(last_lines)
        )
