"""Logical ids and types of all resources: CloudFormation finds what is deployed by them.

A changed id or type deletes the resource and creates another. Of a role that is a loss of everything pending: schedules
and carriers that exist hold the old role's ARN, and end without a letter. Of the ledger it is a new, empty table. So a
change of ``golden_ids.json`` is a change of what is deployed everywhere, and its commit says what happens to that.

Renew the file, and read its difference line by line: python -m tests.infra.aws.test_golden_ids
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


@pytest.mark.parametrize("package", STACKS)
def test_no_resource_has_moved(package: str, examples: dict[str, Any], tmp_path: Path) -> None:
    template = examples if package == "examples" else template_of(package, FUNCTIONS, tmp_path, stack=STACKS[package])
    assert ids_of(template) == json.loads(GOLDEN.read_text("utf-8"))[package]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ids = {
            package: ids_of(template_of(package, FUNCTIONS, Path(folder) / package, stack=stack))
            for package, stack in STACKS.items()
        }
    GOLDEN.write_text(json.dumps(ids, indent=2) + "\n", "utf-8")
