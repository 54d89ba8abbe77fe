"""Run the pinned cdk CLI in the project's folder, with our Node, and our Python for the app.

Settings are passed as environment variables ``CDK_<OPTION>``, because the arguments belong to the user. An argument
overrides the variable.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from cronstack.errors import CronstackError
from cronstack_infra.progress import Report
from cronstack_infra.project import STATE_FOLDER
from cronstack_infra.toolchain import node, process
from cronstack_infra.toolchain.fetch import ensure_packages

APP: Final = Path("infra") / "app.py"
"""The CDK app of a project, as in its ``cdk.json``."""


@dataclass(frozen=True)
class CdkCli:
    """The fetched cdk CLI of one project."""

    root: Path
    """The project's folder. The CLI runs there, because it reads ``cdk.json`` only from the current folder."""
    script: Path
    """The script of the CLI, which our Node runs."""

    def command(self, args: Sequence[str]) -> list[str]:
        return [str(node.node()), str(self.script), *args]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return ``environ`` with the variables that the CLI needs. Keep those that the user has set.

        The app runs with the current Python, which has ``cronstack_infra``; the command in ``cdk.json`` would search
        for one. CDK_HOME is a folder of the project: the CLI caches the account of an access key there, and another
        local cloud may have used the same key for another account.
        """
        ours = {
            "CDK_APP": f"{shlex.quote(sys.executable)} {shlex.quote(APP.as_posix())}",
            "CDK_HOME": str(self.root / STATE_FOLDER / "cdk-home"),
            "CDK_DISABLE_VERSION_CHECK": "1",  # the version is pinned: advice to update it would mislead
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }
        if "AWS_ENDPOINT_URL" in environ:
            ours["CDK_NOTICES"] = "false"  # notices are about AWS, and each run would download them
        return ours | node.node_environment(dict(environ), self.root / STATE_FOLDER)

    def run(
        self,
        args: Sequence[str],
        environ: Mapping[str, str],
        timeout: float,
        on_line: Callable[[str], None],
    ) -> int:
        """Run the CLI and return its exit code. ``on_line`` receives each line of stdout and stderr.

        The CLI has no standard input. Raise CronstackError after ``timeout`` seconds. On a timeout and at Ctrl-C, the
        CLI, the app and all their children are killed.
        """
        try:
            return process.run(
                self.command(args), cwd=self.root, environ=self.environment(environ), timeout=timeout, on_line=on_line
            )
        except process.TimedOut as error:
            raise CronstackError(
                f"cdk {' '.join(args[:1])} had not ended after {timeout:.0f} s and was stopped",
                remedy="See its last lines above. Try again, or run it directly: cronstack cdk ...",
            ) from error

    def become(self, args: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
        """Replace this process with the CLI, which then has the terminal, the signals and the exit code."""
        os.chdir(self.root)
        sys.stdout.flush()
        sys.stderr.flush()
        command = self.command(args)
        os.execve(command[0], command, self.environment(environ))


def ensure_cdk(project_root: Path, progress: Report, environ: Mapping[str, str] | None = None) -> CdkCli:
    """Return the CLI in the project's folder ``.cronstack/cdk``. Fetch it on first use.

    ``progress`` receives a line when a fetch begins or ends. Raise CronstackError with the remedy if npm's registry
    cannot be reached. An interrupted fetch does not prevent the next one.
    """
    packages = ensure_packages(
        Path(__file__).parent,
        project_root / STATE_FOLDER / "cdk",
        environ=os.environ if environ is None else environ,
        progress=lambda line: progress(f"cdk CLI: {line}"),
    )
    return CdkCli(project_root, packages / "node_modules" / "aws-cdk" / "bin" / "cdk")


def bootstrap_args(account: str, environ: Mapping[str, str]) -> list[str]:
    """Return the arguments of ``cdk bootstrap`` for the account and region of the local cloud in ``environ``.

    The empty ``--app`` prevents a synthesis of the app, which would double the time and is not needed here.
    """
    return ["bootstrap", f"aws://{account}/{environ['AWS_REGION']}", "--app", ""]


def local_args(command: str, *, package: str, output: Path) -> list[str]:
    """Return the arguments to ``deploy``, ``destroy`` … the stack of a package on the local cloud, without prompts.

    output: folder for the synthesized app. The CLI locks it, so each concurrent run needs its own.
    """
    args = [command, "--context", f"jobs={package}", "--context", "cronstack:local=true", "--output", str(output)]
    if command == "deploy":
        args += ["--require-approval", "never", "--progress", "events"]
    if command == "destroy":
        args += ["--force"]
    return args
