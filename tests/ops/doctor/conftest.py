"""A deployed stack without faults, on a virtual cloud, and the doctor that examines it. It is synthesized once."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack import clock
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.doctor.checks.catalog import Report, examine
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.scene import Scene, read_scene
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.kit.virtual import Prepared, awake, prepared
from tests.play.simulation.conftest import assembled, small_project
from tests.tools import aws_cli

HERE = Path(__file__).parent
START = datetime(2027, 3, 1, tzinfo=UTC)
STACK = "small"


class Doctor:
    """The doctor of the stack. ``cloud.client`` breaks something."""

    def __init__(self, cloud: VirtualCloud) -> None:
        self.cloud, self.denied, self.version = cloud, dict[str, str](), "0.1.0"
        self.offset = 0
        """Milliseconds by which the clock of this machine is ahead."""

    def clients(self, service: str) -> Any:
        client = self.cloud.client(service)
        of_service = {name for name, denied in self.denied.items() if denied == service}
        return _Refusing(client, of_service) if of_service else client

    def scene(self) -> Scene:
        deployment = find_deployment(self.cloud.client("cloudformation"), STACK)
        known = ("nightly", "removed")
        return read_scene(
            self.clients, deployment, lambda: clock.now_ms() + self.offset, known=known, version=self.version, poll=0
        )

    def report(self, *checks: str) -> Report:
        return examine(self.scene(), checks)

    def findings(self, *checks: str) -> list[Finding]:
        return list(self.report(*checks).findings)

    def only(self, check: str) -> Finding:
        """Return the only finding of a check."""
        (finding,) = self.findings(check)
        return finding

    def physical(self, logical: str) -> str:
        described = self.cloud.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical
        )
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def carry_out(self, remedy: str) -> None:
        """Run an aws command of a remedy."""
        words = shlex.split(remedy)
        assert words[0] == "aws", remedy
        if "--cli-input-json" in words:
            service, operation, _, text = words[1:]
            getattr(self.cloud.client(service), operation.replace("-", "_"))(**json.loads(text))
            return
        with redirect_stdout(io.StringIO()):
            aws_cli.main(words[1:])


class _Refusing:
    """A client that may not call some operations."""

    def __init__(self, client: Any, denied: set[str]) -> None:
        self._client, self._denied = client, denied

    def __getattr__(self, name: str) -> Any:
        if name == "get_paginator":
            return lambda operation: _Refused(operation) if operation in self._denied else self._paginator(operation)
        return _Refused(name) if name in self._denied else getattr(self._client, name)

    def _paginator(self, operation: str) -> Any:
        return self._client.get_paginator(operation)


class _Refused:
    def __init__(self, operation: str) -> None:
        self._operation = "".join(word.title() for word in operation.split("_"))

    def __call__(self, **_: Any) -> Any:
        error = {"Code": "AccessDeniedException", "Message": "made by the test"}
        raise ClientError({"Error": error}, self._operation)

    paginate = __call__


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    project = small_project(tmp_path_factory.mktemp("examined") / "small", HERE / "jobs")
    (project.root / "infra" / "resources.py").write_text((HERE / "resources.py").read_text("utf-8"), "utf-8")
    assembly = assembled(project)
    with prepared(START, 7, lambda cloud: cloud.deploy(assembly)) as ready:
        yield ready


@pytest.fixture
def doctor(healthy: Prepared, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doctor]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with awake(healthy) as cloud:
        yield Doctor(cloud)


Break = Callable[[Doctor], object]
