"""A user's project, and the real cdk CLI that deploys it to a local cloud."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCOUNT, pointed_at
from cronstack_infra.toolchain import CdkCli, ensure_cdk
from cronstack_infra.toolchain.cdk import bootstrap_args, local_args
from tests.places import ROOT

JOBS = Path(__file__).parent / "jobs"
LONGEST_CLI_CALL = 180.0


@dataclass
class Deployer:
    """The cdk CLI of one project, pointed at one local cloud."""

    root: Path
    cloud: LocalCloud
    cli: CdkCli
    lines: list[str] = field(default_factory=list)
    """Output of the last call."""
    seconds: float = 0.0
    """Duration of the last call."""

    def cdk(self, *args: str) -> str:
        """Run to the end and return the output. Fail with the output if the exit code is not 0."""
        self.lines = []
        started = time.monotonic()
        code = self.cli.run(args, pointed_at(self.cloud.endpoint, os.environ), LONGEST_CLI_CALL, self.lines.append)
        self.seconds = time.monotonic() - started
        text = "\n".join(self.lines)
        assert code == 0, f"cdk {' '.join(args)} ended with {code}:\n{text}"
        return text

    def bootstrap(self) -> str:
        return self.cdk(*bootstrap_args(ACCOUNT, pointed_at(self.cloud.endpoint, os.environ)))

    def deploy(self, package: str = "jobs") -> str:
        return self.cdk(*local_args("deploy", package=package, output=self.root / "cdk.out"))


def user_project(root: Path, name: str, cloud: LocalCloud) -> Deployer:
    """Create a project as ``cronstack new`` does, with the jobs of these tests and the examples."""
    (root / "infra").mkdir(parents=True)
    for file in ("app.py", "resources.py", "example_resources.py"):
        shutil.copy(ROOT / "infra" / file, root / "infra" / file)
    text = (
        (ROOT / "cdk.json")
        .read_text("utf-8")
        .replace('"cronstack:project": "cronstack"', f'"cronstack:project": "{name}"')
    )
    (root / "cdk.json").write_text(text, "utf-8")
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(JOBS, root / "functions" / "jobs", ignore=caches)
    shutil.copytree(ROOT / "functions" / "examples", root / "functions" / "examples", ignore=caches)
    fetched = ensure_cdk(ROOT, print)
    return Deployer(root, cloud, CdkCli(root, fetched.script))
