"""The server: it serves only this machine, keeps connections open, and no slow client delays another."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from cronstack.errors import CronstackError
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.http.server import cloud_process_on_port


@contextmanager
def connection(cloud: LocalCloud) -> Iterator[HTTPConnection]:
    opened = HTTPConnection("127.0.0.1", urlsplit(cloud.endpoint).port, timeout=20)
    try:
        yield opened
    finally:
        opened.close()


def get(cloud: LocalCloud, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    with connection(cloud) as opened:
        opened.request("GET", path, headers=dict(headers))
        response = opened.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize("path", ["/_cronstack/", "/_cronstack/requests", "/_cronstack/events", "/", "/bucket/key"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:4570"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "169.254.169.254"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_foreign_requests_are_refused(local_cloud: LocalCloud, path: str, headers: dict[str, str]) -> None:
    status, body = get(local_cloud, path, headers)
    assert status == 403
    assert "message" in json.loads(body)


@pytest.mark.parametrize("headers", [{}, {"Host": "localhost:80"}, {"Origin": "http://localhost:8000"}])
def test_the_start_page_has_version_and_pid(local_cloud: LocalCloud, headers: dict[str, str]) -> None:
    status, body = get(local_cloud, "/_cronstack/", headers)
    assert status == 200
    assert json.loads(body) == {"cronstack": "0.1.0", "pid": local_cloud.pid}


@pytest.mark.parametrize(("path", "status"), [("/_cronstack/nothing", 404), ("/_cronstack/events?since=x", 400)])
def test_missing_pages(local_cloud: LocalCloud, path: str, status: int) -> None:
    assert get(local_cloud, path, {})[0] == status


def test_motos_own_pages_are_disabled(local_cloud: LocalCloud) -> None:
    assert get(local_cloud, "/moto-api/reset", {})[0] == 403


def test_no_response_is_readable_by_pages_of_other_sites(local_cloud: LocalCloud) -> None:
    with connection(local_cloud) as opened:
        opened.request("GET", "/some-bucket", headers={"Origin": "http://localhost:1"})
        response = opened.getresponse()
        response.read()
        assert response.getheader("Access-Control-Allow-Origin") is None


def test_a_connection_is_kept(local_cloud: LocalCloud) -> None:
    with connection(local_cloud) as opened:
        for _ in range(3):
            opened.request("GET", "/_cronstack/")
            opened.getresponse().read()
            first = opened.sock.getsockname()
        opened.request("GET", "/_cronstack/")
        opened.getresponse().read()
        assert opened.sock.getsockname() == first


def test_an_upload_with_expect_100_continue_does_not_wait(local_cloud: LocalCloud) -> None:
    """boto3 sends "Expect: 100-continue", and waits up to a second for the response."""
    s3 = local_cloud.client("s3")
    s3.create_bucket(Bucket="server-uploads")
    before = time.monotonic()
    for number in range(5):
        s3.put_object(Bucket="server-uploads", Key=f"{number}", Body=b"x" * 300_000)
    assert time.monotonic() - before < 4
    assert s3.head_object(Bucket="server-uploads", Key="0")["ContentLength"] == 300_000
    assert s3.get_object(Bucket="server-uploads", Key="0")["Body"].read() == b"x" * 300_000


def test_a_body_in_chunks(local_cloud: LocalCloud) -> None:
    with connection(local_cloud) as opened:
        opened.request("PUT", "/chunked-bucket")
        assert opened.getresponse().read() is not None
        opened.request("PUT", "/chunked-bucket/key", body=iter([b"one ", b"two"]), encode_chunked=True)
        opened.getresponse().read()
    stored = local_cloud.client("s3").get_object(Bucket="chunked-bucket", Key="key")["Body"].read()
    assert stored == b"one two"


def test_an_unsupported_call_is_not_retried(local_cloud: LocalCloud) -> None:
    """After a failed deploy, the cdk CLI reads CloudTrail. It would retry a 500 for half a minute."""
    cloudformation = local_cloud.client("cloudformation")
    for call, named in (
        (local_cloud.client("cloudtrail").lookup_events, "cloudtrail LookupEvents"),
        (lambda: cloudformation.detect_stack_drift(StackName="s"), "cloudformation DetectStackDrift"),
    ):
        with pytest.raises(ClientError, match=f"not supported here: {named}: ") as caught:
            call()
        metadata = caught.value.response["ResponseMetadata"]
        assert caught.value.response["Error"]["Code"] == "NotImplemented"
        assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (501, 0)


def test_a_slow_client_delays_no_other(local_cloud: LocalCloud) -> None:
    """The gate reads a body before it takes the lock, and the response is written after the lock is released."""
    port = urlsplit(local_cloud.endpoint).port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
        slow.sendall(b"PUT /slow-bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf")
        assert local_cloud.client("sts").get_caller_identity()["Account"] == "123456789012"
        slow.sendall(b" a day")
        assert re.match(rb"HTTP/1\.1 \d\d\d ", slow.recv(100))


def test_a_port_of_another_local_cloud(local_cloud: LocalCloud) -> None:
    port = urlsplit(local_cloud.endpoint).port
    assert port is not None
    with pytest.raises(CronstackError) as refused:
        LocalCloud.start(port)
    assert str(refused.value).startswith(f"port {port} is in use: a Cronstack local cloud runs there already, process")
    assert str(local_cloud.pid) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 2, "the message and its remedy"


def test_a_port_of_another_program() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "cronstack_infra.local", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"port {port} is in use by another program")
    assert "Traceback" not in ended.stderr


def test_a_free_port_has_no_cloud_process() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert cloud_process_on_port(free.getsockname()[1]) is None
