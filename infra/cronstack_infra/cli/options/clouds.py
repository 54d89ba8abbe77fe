"""The options that select a cloud and a stack, for all operators' commands, and the boto3 clients for them.

``--local``, ``--port`` or an AWS_ENDPOINT_URL on this machine select a local cloud. Without them the AWS configuration
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
"""Read timeout in seconds of a Lambda call. A synchronous run lasts up to 15 minutes."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class SelectedCloud:
    """The selected cloud and stack. ``cloud("sqs")`` returns a client; each is created once."""

    address: str | None
    """URL of a local cloud. None: the AWS configuration decides."""
    stack: str
    package: str = "jobs"
    """Package of jobs in functions/ that the stack contains."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._client(service)
        return self._clients[service]

    def deployment(self) -> Deployment:
        """Return the deployment of the stack. Raise OperationError if nothing is deployed."""
        from cronstack_infra.ops.deployment import find_deployment

        return find_deployment(self("cloudformation"), self.stack)

    def jobs(self, deployment: Deployment, job: str | None) -> Sequence[str]:
        """Return the name of the given deployed job, or the names of all."""
        from cronstack_infra.ops.deployment import deployed_jobs, find_job

        if job is not None:
            return (find_job(self("lambda"), deployment, job).name,)
        return tuple(deployed.name for deployed in deployed_jobs(self("lambda"), deployment))

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        # botocore sends the request again when the answer of a long run is lost. The guard then answers "duplicate".
        config = Config(read_timeout=LONGEST_RUN, tcp_keepalive=True) if service == "lambda" else Config()
        make: Any = boto3.client
        if not self.address:
            # The aws CLI reads AWS_REGION; boto3 reads only AWS_DEFAULT_REGION.
            return make(service, config=config, region_name=os.environ.get("AWS_REGION") or None)
        return make(service, config=config, **client_arguments(self.address, region_of(os.environ)))


def cloud_options(command: Callable[Concatenate[SelectedCloud, P], R]) -> Callable[..., R]:
    """Add the options. The command receives a ``SelectedCloud`` as its first argument."""

    @click.option("--local", is_flag=True, help=f"Use the local cloud: AWS_ENDPOINT_URL, else port {DEFAULT_PORT}.")
    @click.option("--port", type=click.IntRange(1, 65535), help="Use the local cloud at this port.")
    @click.option(
        "--jobs", "package", metavar="PACKAGE", default="jobs", show_default=True, help="Package of jobs in functions/."
    )
    @click.option("--stack", metavar="NAME", help="Name of the stack. Defaults to the project's stack.")
    @functools.wraps(command)
    def with_cloud(*args: Any, local: bool, port: int | None, package: str, stack: str | None, **options: Any) -> R:
        cloud = SelectedCloud(
            local_address(os.environ, local=local, port=port), stack or Project.find().stack(package), package
        )
        return command(cloud, *args, **options)

    return with_cloud
