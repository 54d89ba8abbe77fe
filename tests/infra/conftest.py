"""Templates for the tests of this folder. Synthesizing is slow, so the examples' stack is synthesized once."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cronstack_infra.aws
from cronstack_infra.discovery.discover import discover
from cronstack_infra.toolchain.node import set_jsii_node
from tests.infra.packages import Package
from tests.places import ROOT

FUNCTIONS = ROOT / "functions"

Synthesize = Callable[..., dict[str, Any]]


Resources = Callable[..., None]


def template_of(
    package: str, functions: Path, outdir: Path, *, stack: str, resources: Resources | None = None, **context: str
) -> dict[str, Any]:
    """Return the stack's template, with resources. ``test_app.py`` validates against AWS's schemas.

    Without a context value for it, the template has no watchdog, so that tests can count the jobs.
    """
    context = {"cronstack:watchdog": "false"} | context
    set_jsii_node(os.environ)
    import aws_cdk as cdk

    app = cdk.App(outdir=str(outdir), context=context, builtin_cloud_formation_validation=False)
    jobs = discover(package, functions).jobs
    created = cronstack_infra.aws.CronstackStack(app, stack, jobs=jobs, functions_root=functions, package=package)
    if package == "examples":
        resources = example_resources()
    if resources is not None:
        resources(created, created.jobs)
    app.synth()
    template = json.loads((outdir / f"{stack}.template.json").read_text())
    assert isinstance(template, dict)
    return template


def example_resources() -> Callable[..., None]:
    """Return ``resources`` of the examples. ``infra`` is a folder of scripts, so import it as the app does."""
    sys.path.insert(0, str(ROOT / "infra"))
    try:
        from example_resources import resources
    finally:
        sys.path.remove(str(ROOT / "infra"))
    return resources  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the template of the example jobs with their bucket and table."""
    return template_of("examples", FUNCTIONS, tmp_path_factory.mktemp("examples"), stack="shop-examples")


_numbers = itertools.count(1)


@pytest.fixture
def synthesize(tmp_path: Path) -> Iterator[Synthesize]:
    """Return ``synthesize("@job(...) def ...", stack="shop")``: the template of jobs in a text, with context values."""
    before = set(sys.modules)

    def synthesize_jobs(
        source: str, *, stack: str = "shop", resources: Resources | None = None, **context: str
    ) -> dict[str, Any]:
        package = f"jobs_of_a_test_{next(_numbers)}"
        folder = tmp_path / "functions" / package
        folder.mkdir(parents=True)
        (folder / "nightly.py").write_text(
            f"from datetime import UTC, datetime\nfrom cronstack import at, cron, job, once, rate\n\n{source}\n"
        )
        dotted = {key.replace("__", ":"): value for key, value in context.items()}
        outdir = tmp_path / f"out.{package}"
        return template_of(package, folder.parent, outdir, stack=stack, resources=resources, **dotted)

    yield synthesize_jobs
    for name in set(sys.modules) - before:
        if name.startswith("jobs_of_a_test_"):
            del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)
