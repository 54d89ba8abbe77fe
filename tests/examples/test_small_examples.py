"""The jobs heartbeat, launch and broken, called without a guard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import examples
from examples.broken import broken
from examples.heartbeat import heartbeat
from examples.launch import launch
from tests.examples.samples import run_of


def test_the_heartbeat_returns_its_minute() -> None:
    assert heartbeat.function(run_of("heartbeat", "2026-03-01T12:34:00+00:00")) == {"minute": "12:34"}


def test_the_launch_returns_its_time() -> None:
    answer = launch.function(run_of("launch", "2033-01-01T05:00:00+00:00"))
    assert answer == {"lift_off": "2033-01-01T05:00:00+00:00"}


@pytest.mark.parametrize(
    ("environ", "expression"),
    [({}, "at(2033-01-01T00:00:00)"), ({"EXAMPLES_LAUNCH_AT": "2026-05-05T10:00:00"}, "at(2026-05-05T10:00:00)")],
)
def test_a_variable_at_synthesis_moves_the_launch(environ: dict[str, str], expression: str) -> None:
    program = "from examples.launch import launch; print(launch.schedules[0].expression)"
    shown = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert shown.stdout.strip() == expression


def test_the_broken_job_fails_until_its_configuration_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_RATE", broken.env["EXCHANGE_RATE"])
    with pytest.raises(ValueError, match="1,3194"):
        broken.function(run_of("broken", "2013-01-01T06:00:00+00:00"))
    monkeypatch.setenv("EXCHANGE_RATE", "1.3194")
    answer = broken.function(run_of("broken", "2013-01-01T06:00:00+00:00", input={"euros": 50}))
    assert answer == {"euros": 50.0, "dollars": 65.97}


@pytest.mark.parametrize("module", sorted(path.stem for path in Path(examples.__path__[0]).glob("*.py")))
def test_an_example_has_at_most_80_lines_and_imports_no_boto3(module: str) -> None:
    program = f"import sys, examples.{module} as m; print('boto3' in sys.modules, len(open(m.__file__).readlines()))"
    shown = subprocess.run(
        [sys.executable, "-c", program], env={}, capture_output=True, text=True, timeout=60, check=True
    )
    loaded, lines = shown.stdout.split()
    assert loaded == "False"
    assert int(lines) <= 80
