"""The end of the local cloud, by any cause: it leaves no handler process, no open port and no folder."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.kit.processes import family
from tests.local.executor.test_orphans import all_ended
from tests.local.quick_cloud import quick_cloud

HANGS = """
import os, subprocess, sys, time
def handler(event, context):
    other = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"], start_new_session=True)
    print("pids", os.getpid(), other.pid, os.environ["TMPDIR"], flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_local_cloud(number: signal.Signals) -> None:
    with quick_cloud() as cloud:
        cloud.function("hangs", HANGS, Timeout=600)
        for _ in range(2):
            cloud.client("lambda").invoke(FunctionName="hangs", InvocationType="Event")
        left = []
        while len(left) < 4:
            event = cloud.next_event()
            if event["event"] == "log" and event["line"].startswith("pids"):
                _, handler, child, scratch = event["line"].split()
                left += [int(handler), int(child)]
        assert {cloud.pid, *left} < family(cloud.pid)
        port = int(cloud.client("sqs").meta.endpoint_url.rsplit(":", 1)[1])
        os.kill(cloud.pid, number)
        assert all_ended([cloud.pid, *left])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    workplace = Path(scratch).parents[1]
    deadline = time.monotonic() + 20
    while workplace.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workplace.exists()
