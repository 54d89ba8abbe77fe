"""The pinned cdk CLI, run in the project's folder by our Node, with our Python for the app.

What it is told, it is told by environment variables, so that the arguments stay the user's: the CLI reads any
option from ``CDK_<OPTION>``, and an argument wins over it.
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
from cronstack_infra.progress import Say
from cronstack_infra.project import STATE_FOLDER
from cronstack_infra.toolchain import node, process
from cronstack_infra.toolchain.fetch import ensure_packages

APP: Final = Path("infra") / "app.py"
"""The project's entry, as ``cdk.json`` names it."""


@dataclass(frozen=True)
class CdkCli:
    """The fetched cdk CLI of one project."""

    root: Path
    """The project's folder; the CLI runs there, because it looks for ``cdk.json`` nowhere else."""
    script: Path
    """The CLI itself, to be run by our Node."""

    def command(self, args: Sequence[str]) -> list[str]:
        return [str(node.node()), str(self.script), *args]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """``environ`` with what the CLI needs; what a user has set stays.

        The app is run by this very Python, which has ``cronstack_infra``; the app line of ``cdk.json`` would have to
        look for one. CDK_HOME is the project's own: the CLI remembers there which account an access key belongs to,
        and another local cloud may have used the same key for another account.
        """
        ours = {
            "CDK_APP": f"{shlex.quote(sys.executable)} {shlex.quote(APP.as_posix())}",
            "CDK_HOME": str(self.root / STATE_FOLDER / "cdk-home"),
            "CDK_DISABLE_VERSION_CHECK": "1",  # the version is pinned: an advice to raise it by npm would mislead
            "CDK_DISABLE_CLI_TELEMETRY": "true",
        }
        if "AWS_ENDPOINT_URL" in environ:
            ours["CDK_NOTICES"] = "false"  # the notices are about AWS, and on the laptop each run would go and ask
        return ours | node.node_environment(dict(environ), self.root / STATE_FOLDER)

    def run(
        self,
        args: Sequence[str],
        environ: Mapping[str, str],
        timeout: float,
        on_line: Callable[[str], None],
    ) -> int:
        """Run to the end and return the exit code. ``on_line`` gets each line of stdout and stderr.

        Nothing can be asked in between (there is no standard input). Raises CronstackError when ``timeout`` seconds
        are over; then, and at Ctrl-C, the CLI, the app and all they started are killed.
        """
        try:
            return process.run(
                self.command(args), cwd=self.root, environ=self.environment(environ), timeout=timeout, on_line=on_line
            )
        except process.OutOfTime as error:
            raise CronstackError(
                f"cdk {' '.join(args[:1])} had not ended after {timeout:.0f} s and was stopped",
                remedy="Look at its last lines above; try again, or run it yourself: cronstack cdk ...",
            ) from error

    def become(self, args: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
        """Replace this process by the CLI, so that the CLI has the terminal, the signals and the exit code."""
        os.chdir(self.root)
        sys.stdout.flush()
        sys.stderr.flush()
        command = self.command(args)
        os.execve(command[0], command, self.environment(environ))


def ensure_cdk(project_root: Path, progress: Say, environ: Mapping[str, str] | None = None) -> CdkCli:
    """The CLI below the project's ``.cronstack/cdk``, fetched on first use.

    ``progress`` is told a line when something is fetched. Raises CronstackError with the remedy when npm's registry
    cannot be reached; an interrupted fetch leaves nothing that would stop the next one.
    """
    packages = ensure_packages(
        Path(__file__).parent,
        project_root / STATE_FOLDER / "cdk",
        environ=os.environ if environ is None else environ,
        progress=lambda line: progress(f"cdk CLI: {line}"),
    )
    return CdkCli(project_root, packages / "node_modules" / "aws-cdk" / "bin" / "cdk")


def bootstrap_args(account: str, environ: Mapping[str, str]) -> list[str]:
    """``cdk bootstrap`` of the local cloud that ``environ`` points at, for its account.

    Where account and region are given, the CLI learns nothing from the app; but without ``--app`` it runs it all the
    same, for as long as the rest of its work takes.
    """
    return ["bootstrap", f"aws://{account}/{environ['AWS_REGION']}", "--app", ""]


def local_args(command: str, *, package: str, output: Path) -> list[str]:
    """``deploy``, ``destroy`` … of one package's stack on the local cloud, unattended.

    ``output`` is where the app's answer is written: two runs of the CLI must not share one, it is locked while in use.
    """
    args = [command, "--context", f"jobs={package}", "--context", "cronstack:local=true", "--output", str(output)]
    if command == "deploy":
        args += ["--require-approval", "never", "--progress", "events"]
    if command == "destroy":
        args += ["--force"]
    return args
