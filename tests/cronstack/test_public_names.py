"""The public names of cronstack load lazily, each from its module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cronstack
from cronstack import at, cron, job, rate
from cronstack.errors import CronstackError, DeclarationError
from cronstack.settings import Settings


def modules_after(statement: str) -> set[str]:
    """Return the names of the modules that a new interpreter has loaded after ``statement``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys; print(' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(done.stdout.split())


def test_every_public_name_exists() -> None:
    for name in cronstack.__all__:
        assert getattr(cronstack, name).__module__.startswith("cronstack.")
    with pytest.raises(AttributeError, match="no attribute 'celery'"):
        _ = cronstack.celery


def test_a_jobs_module_loads_the_declaration_and_nothing_heavy() -> None:
    before = modules_after("pass")
    loaded = modules_after("from cronstack import job, cron, rate, at, Run") - before
    assert {"cronstack.declaration", "cronstack.run"} <= loaded
    heavy = {
        "zoneinfo",
        "ssl",
        "boto3",
        "botocore",
        "json",
        "logging",
        "cronstack.timetable.instants",
        "cronstack.guard.protocol",
        "http",
    }
    assert not loaded & heavy


def test_a_declaration_is_recorded_with_its_place_and_not_validated() -> None:
    @job(schedule=[cron("nonsense"), rate("0 fortnights"), at("yesterday")], retries=99, input={"a": 1})
    def careless(run: cronstack.Run) -> None: ...

    assert careless.name == "careless"
    assert [when.expression for when in careless.schedules] == ["cron(nonsense)", "rate(0 fortnights)", "at(yesterday)"]
    assert careless.where.startswith(__file__)
    assert Path(__file__).read_text().splitlines()[careless.line - 1].strip().startswith("@job(")
    assert careless.handler.endswith("careless")


def test_a_remedy_follows_the_message() -> None:
    assert str(CronstackError("no table", remedy="Deploy first.")) == "no table\n  Deploy first."
    assert str(DeclarationError("bad name", where="jobs/a.py:3")) == "jobs/a.py:3: bad name"


def test_settings_pass_from_the_stack_to_the_runtime_unchanged() -> None:
    settings = Settings("ledger", "https://queue", "shop", "shop-carriers", "arn:role", "arn:queue")
    assert Settings.read(settings.environment()) == settings
    for variable in settings.environment():
        rest = {name: value for name, value in settings.environment().items() if name != variable}
        with pytest.raises(CronstackError, match=f"{variable} is not set"):
            Settings.read(rest)
