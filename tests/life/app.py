"""The app of a deploy: synthesize a project's code with Cronstack's stack, in this process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cronstack_infra.aws
from cronstack_infra.discovery.discover import discover
from cronstack_infra.lock_file import Lock
from cronstack_infra.play.simulation.cloud.assembly import Assembly, read
from cronstack_infra.toolchain.node import set_jsii_node
from tests.life.code import Code, write

PACKAGE: Final = "life"
"""Name of the package of jobs, the same in each version."""
BROKEN: Final = {
    "Type": "AWS::Scheduler::Schedule",
    "Properties": {
        "Name": "broken",
        "ScheduleExpression": "rate(5 fortnights)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:none", "RoleArn": "none"},
    },
}
"""A resource that AWS refuses during a deployment, so that the stack is rolled back."""


class App:
    """Synthesizes versions of a project. The same version is synthesized once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, Assembly] = {}

    def assembly(self, stack: str, code: Code, lock: Lock, *, broken: bool = False, **context: str) -> Assembly:
        """Return the assembly of a version. ``broken``: AWS refuses one of its resources."""
        about = json.dumps([stack, sorted(code.items()), lock.text(), broken, context])
        if about not in self._kept:
            self._kept[about] = self._synthesize(stack, code, lock, broken, context)
        return self._kept[about]

    def _synthesize(self, stack: str, code: Code, lock: Lock, broken: bool, context: Mapping[str, str]) -> Assembly:
        set_jsii_node(os.environ)
        import aws_cdk as cdk

        number = len(self._kept)
        functions = self._folder / f"functions-{number}"
        write(functions / PACKAGE, code)
        out = self._folder / f"out-{number}"
        app = cdk.App(outdir=str(out), context=dict(context), builtin_cloud_formation_validation=False)
        sys.path.insert(0, str(functions))
        try:
            jobs = discover(PACKAGE, functions).jobs
            cronstack_infra.aws.CronstackStack(
                app, stack, jobs=jobs, functions_root=functions, package=PACKAGE, lock=lock, watchdog=False
            )
        finally:
            sys.path.remove(str(functions))
            for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
                del sys.modules[name]
        app.synth()
        assembly = read(out, stack, PACKAGE)
        return assembly if not broken else _broken(assembly)


def _broken(assembly: Assembly) -> Assembly:
    template: dict[str, Any] = json.loads(assembly.template)
    template["Resources"]["Broken"] = BROKEN
    return replace(assembly, template=json.dumps(template))
