"""Simulations and the fixture ``cloud`` deploy the watchdog only if the project requests it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cronstack_infra.play.simulation.cloud.assembly import synthesize
from tests.play.simulation.conftest import small_project

JOB = "from cronstack import job\n\n\n@job()\ndef hello(run): ...\n"


@pytest.mark.parametrize(("value", "deployed"), [(None, False), ("true", False), ("always", True)])
def test_the_watchdog_is_left_out_unless_it_is_always_deployed(
    tmp_path: Path, value: str | None, deployed: bool
) -> None:
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    (jobs / "hello.py").write_text(JOB)
    project = small_project(tmp_path / "shop", jobs)
    settings: dict[str, Any] = json.loads((project.root / "cdk.json").read_text())
    settings["context"] |= {} if value is None else {"cronstack:watchdog": value}
    (project.root / "cdk.json").write_text(json.dumps(settings))
    resources = json.loads(synthesize(type(project).find(project.root)).template)["Resources"]
    functions = [resource["Properties"].get("FunctionName", "") for resource in resources.values()]
    assert any(str(name).endswith("-hello") for name in functions)
    assert any(str(name).endswith("-watchdog") for name in functions) is deployed
