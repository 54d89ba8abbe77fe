"""The recipe of functions/README.md: decorators of Powertools get Lambda's context from ``run.context``."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cronstack.runtime import Invocation
from tests.cronstack.stage import Context, Stage, scheduled_event
from tests.places import ROOT


class FullContext(Context):
    """Lambda's context with the attributes that Powertools reads."""

    memory_limit_in_mb = 256


def recipe() -> dict[str, Any]:
    """Execute the block of the page. Return its names."""
    page = (ROOT / "functions" / "README.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(from aws_lambda_powertools.*?)^```", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {"__name__": "jobs.orders"}
    exec(block, names)
    return names


def test_powertools_gets_the_context_and_writes_its_own_metric(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    answer = Invocation(recipe()["orders"], scheduled_event(job="orders"), FullContext(stage), stage.shell()).work()
    assert answer["cronstack"] == "succeeded"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [logged] = [line for line in lines if line.get("message") == "counted"]
    assert logged["function_request_id"] == Context.aws_request_id
    assert logged["function_name"] == Context.function_name
    [metric] = [line for line in lines if "_aws" in line]
    assert metric["Orders"] == [3.0]
    assert "_aws" not in stage.lines[-1], "metrics of Cronstack are off in this test: its line is another one"
