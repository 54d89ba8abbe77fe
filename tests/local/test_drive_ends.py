"""How the local cloud ends: no handler process, no port and no folder stays, whatever ended it."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.kit.processes import family
from tests.local.executor.test_orphans import gone
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
            heard = cloud.next_event()
            if heard["event"] == "log" and heard["line"].startswith("pids"):
                _, one, other, scratch = heard["line"].split()
                left += [int(one), int(other)]
        assert {cloud.pid, *left} < family(cloud.pid)
        port = int(cloud.client("sqs").meta.endpoint_url.rsplit(":", 1)[1])
        os.kill(cloud.pid, number)
        assert gone([cloud.pid, *left])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    workplace = Path(scratch).parents[1]
    deadline = time.monotonic() + 20
    while workplace.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workplace.exists()
