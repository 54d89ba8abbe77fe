"""``cronstack once`` for the tests of its commands."""

from __future__ import annotations

import pytest

from tests.cli.commands.shell import Once
from tests.cronstack.stage import Stage


@pytest.fixture
def once(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Once:
    return Once(stage, capsys)
