"""Each mend is still needed: what it mends is still wrong in moto as it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.local.moto_defects import DEFECTS


@pytest.fixture(scope="module")
def present() -> dict[str, bool]:
    """In a process of its own, where nothing is mended."""
    program = Path(__file__).with_name("moto_defects.py")
    ended = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, bool] = json.loads(ended.stdout)
    return found


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_moto_still_has_it(defect: Callable[[], bool], present: dict[str, bool]) -> None:
    assert present[defect.__name__], f"moto has mended it: take the mend out, {defect.__doc__}"
