"""The table has every patch: applying it changes exactly the members of moto that its rows name."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cronstack.errors import CronstackError
from cronstack_infra.local.moto.patch import Patch, apply
from cronstack_infra.local.moto.surroundings import PatchParameters
from cronstack_infra.local.patches.table import table

COMPARISON = '''
import copy, inspect, json, sys, warnings
from types import ModuleType
warnings.simplefilter("ignore")
from cronstack_infra.local.patches import install
from cronstack_infra.local.patches import table
from cronstack_infra.local.moto.surroundings import PatchParameters

def owners():
    """Yield each loaded module of moto, and each class that it defines, by the name that a row would use."""
    for name, module in sorted(sys.modules.items()):
        if name == "moto" or name.startswith("moto."):
            yield name, module
            for label, member in vars(module).copy().items():
                if inspect.isclass(member) and member.__module__ == name:
                    yield f"{name}:{member.__qualname__}", member

def members():
    """Return all their members, with a copy of each collection, which shows changes in it."""
    found = {}
    for name, owner in owners():
        for label, member in vars(owner).copy().items():
            inner = copy.copy(member) if type(member) in (dict, list, set) and not label.startswith("__") else None
            found[f"{name}.{label}"] = (member, inner)
    return found

def differences(before, after):
    return sorted(
        key for key in before.keys() | after.keys()
        if key not in before or key not in after
        or before[key][0] is not after[key][0] or before[key][1] != after[key][1]
    )

class Port:
    """The engine, which is not called while patches are applied."""

table.table()
for patch in table.table():
    __import__(patch.owner.partition(":")[0])
before = members()
around = PatchParameters(endpoint="http://127.0.0.1:1", port=Port())
install.install(around)
install.install_cloudformation(around)
install.install_in_process(around)
changed = differences(before, members())
removed = install.uninstall()
left = differences(before, members())
install.reinstall(removed)
reapplied = differences(before, members())
json.dump({"changed": changed, "left": left, "reapplied": reapplied}, sys.stdout)
'''


def test_applying_the_table_changes_exactly_its_members() -> None:
    child = subprocess.run([sys.executable, "-c", COMPARISON], capture_output=True, text=True, timeout=120)
    assert child.returncode == 0, child.stderr
    differences = json.loads(child.stdout)
    named = sorted({patch.member for patch in table()})
    assert differences["changed"] == named
    assert differences["left"] == [], "moto is not restored"
    assert differences["reapplied"] == named


def test_a_second_patch_of_a_member_follows_the_first() -> None:
    members: set[str] = set()
    for patch in table():
        assert (patch.member in members) == patch.over, patch.member
        members.add(patch.member)


@pytest.mark.parametrize("patch", table(), ids=lambda patch: f"{patch.member}{' over' * patch.over}")
def test_the_reason_of_a_row_is_one_sentence(patch: Patch) -> None:
    assert patch.reason.endswith(".")
    assert "\n" not in patch.reason
    assert len(patch.reason) <= 120


def test_a_patch_that_needs_an_engine_is_not_applied_without_one() -> None:
    needs_it = [patch for patch in table() if patch.member == "moto.sqs.models:Queue.add_message"]
    with pytest.raises(CronstackError, match="needs the engine's port"):
        apply(needs_it, PatchParameters())
