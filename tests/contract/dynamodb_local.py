"""DynamoDB Local as an independent check. Its licence forbids shipping it, so its use is optional.

``CRONSTACK_DYNAMODB_LOCAL=/path/to/DynamoDBLocal.jar`` runs the contracts against it. It needs Java and the jar from
the npm package amplify-dynamodb-simulator, folder ``emulator/``.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.kit import bound

JAR = "CRONSTACK_DYNAMODB_LOCAL"
PATIENCE = 90


@contextmanager
def running() -> Iterator[Any]:
    """Start DynamoDB Local in memory. Yield a factory of clients, or None if the variable is not set."""
    jar = os.environ.get(JAR)
    if not jar:
        yield None
        return
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    jar = str(Path(jar).resolve())
    libraries = Path(jar).parent / "DynamoDBLocal_lib"
    command = ["java", f"-Djava.library.path={libraries}", "-jar", jar, "-inMemory", "-sharedDb", "-port", str(port)]
    with TemporaryDirectory() as folder:  # it writes a file to its working directory
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with bound.started(command, cwd=folder, **quiet) as process:
            _wait(process, port)
            yield lambda: _client(port)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(PATIENCE * 10):
        assert process.poll() is None, f"DynamoDB Local ended with {process.returncode}"
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"DynamoDB Local did not answer within {PATIENCE} s")


def _client(port: int) -> Any:
    import boto3

    return boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
