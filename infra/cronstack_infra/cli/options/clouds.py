"""Which cloud, and which stack on it: the options that all operators' commands share, and the clients made of them.

``--local``, ``--port`` and an AWS_ENDPOINT_URL on this machine mean a local cloud; without them the AWS configuration
decides, as for the aws CLI (AWS_PROFILE, AWS_REGION, an AWS_ENDPOINT_URL elsewhere).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import click

from cronstack_infra.cli.options.local_address import local_address
from cronstack_infra.local.environment import DEFAULT_PORT, client_arguments, region_of
from cronstack_infra.project import Project

if TYPE_CHECKING:
    from cronstack_infra.ops.deployment import Deployment

LONGEST_RUN: Final = 960
"""Seconds that an answer may take: a synchronous run lasts up to 15 minutes."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Cloud:
    """The chosen cloud. ``cloud("sqs")`` is a client; each is made once."""

    address: str | None
    """Of a local cloud; None: as AWS is configured."""
    stack: str
    package: str = "jobs"
    """Of jobs, in functions/: the one whose stack it is."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._client(service)
        return self._clients[service]

    def deployment(self) -> Deployment:
        """What is deployed there. Raises OperationError when nothing is."""
        from cronstack_infra.ops.deployment import find_deployment

        return find_deployment(self("cloudformation"), self.stack)

    def jobs(self, deployment: Deployment, job: str | None) -> Sequence[str]:
        """Names of one job, or of all."""
        from cronstack_infra.ops.deployment import deployed_jobs, find_job

        if job is not None:
            return (find_job(self("lambda"), deployment, job).name,)
        return tuple(one.name for one in deployed_jobs(self("lambda"), deployment))

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        # A lost answer of a long run is asked for again: the guard answers "duplicate". Elsewhere botocore's default.
        config = Config(read_timeout=LONGEST_RUN, tcp_keepalive=True) if service == "lambda" else Config()
        make: Any = boto3.client
        if not self.address:
            # As the aws CLI reads it; boto3 by itself knows AWS_DEFAULT_REGION only.
            return make(service, config=config, region_name=os.environ.get("AWS_REGION") or None)
        return make(service, config=config, **client_arguments(self.address, region_of(os.environ)))


def cloud_options(command: Callable[Concatenate[Cloud, P], R]) -> Callable[..., R]:
    """Add the options; the command is handed a ``Cloud`` as its first argument."""

    @click.option("--local", is_flag=True, help=f"The local cloud: AWS_ENDPOINT_URL, else port {DEFAULT_PORT}.")
    @click.option("--port", type=click.IntRange(1, 65535), help="The local cloud at this port.")
    @click.option(
        "--jobs", "package", metavar="PACKAGE", default="jobs", show_default=True, help="Package in functions/."
    )
    @click.option("--stack", metavar="NAME", help="The stack, where it is not the project's.")
    @functools.wraps(command)
    def with_cloud(*args: Any, local: bool, port: int | None, package: str, stack: str | None, **options: Any) -> R:
        cloud = Cloud(
            local_address(os.environ, local=local, port=port), stack or Project.find().stack(package), package
        )
        return command(cloud, *args, **options)

    return with_cloud
