"""Worker processes end when their parent ends, in any way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import multiprocessing, os, time
from cronstack_infra.play.prove.workers import workers

if __name__ == "__main__":
    with workers(2, os.write, 1, b"started\\n") as pool:
        works = [pool.submit(time.sleep, 600) for _ in range(6)]
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        works[0].result()
"""


def lives(pid: int) -> bool:
    """Return whether a process runs. A zombie, which has ended but was not waited for, does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent(how: signal.Signals) -> None:
    """The terminal interrupts all processes; a kill ends only the parent."""
    running = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdout is not None
    lines = [running.stdout.readline().split() for _ in range(3)]
    assert lines.count(["started"]) == 2
    pids = [int(pid) for line in lines if line != ["started"] for pid in line]
    assert len(pids) == 2
    assert all(map(lives, pids))
    if how is signal.SIGINT:
        os.killpg(running.pid, how)
    else:
        os.kill(running.pid, how)
    running.communicate(timeout=60)
    until = time.monotonic() + 30
    while any(map(lives, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(lives, pids))
