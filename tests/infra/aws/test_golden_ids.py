"""Logical ids and types of all resources, by which CloudFormation identifies deployed resources.

A changed id or type deletes the resource and creates another. For a role, this loses all waiting work: existing
schedules and carriers have the old role's ARN, and end without a letter. For the ledger, it creates a new, empty table.
So a change of ``golden_ids.json`` changes every deployment, and its commit message must describe the effect.

To update the file, run this and read each line of the difference: python -m tests.infra.aws.test_golden_ids
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

from tests.infra.conftest import FUNCTIONS, template_of

GOLDEN: Final = Path(__file__).with_name("golden_ids.json")
STACKS: Final = {"jobs": "shop", "examples": "shop-examples"}


def ids_of(template: dict[str, Any]) -> dict[str, str]:
    return {key: template["Resources"][key]["Type"] for key in sorted(template["Resources"])}


def template_with_watchdog(package: str, outdir: Path) -> dict[str, Any]:
    return template_of(package, FUNCTIONS, outdir, stack=STACKS[package], **{"cronstack:watchdog": "true"})


@pytest.mark.parametrize("package", STACKS)
def test_no_resource_has_moved(package: str, tmp_path: Path) -> None:
    template = template_with_watchdog(package, tmp_path)
    assert ids_of(template) == json.loads(GOLDEN.read_text("utf-8"))[package]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ids = {package: ids_of(template_with_watchdog(package, Path(folder) / package)) for package in STACKS}
    GOLDEN.write_text(json.dumps(ids, indent=2) + "\n", "utf-8")
