"""Processes that work for another one are gone when that one is, however it ends."""

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
    with workers(2, os.write, 1, b"begun\\n") as pool:
        works = [pool.submit(time.sleep, 600) for _ in range(6)]
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        works[0].result()
"""


def lives(pid: int) -> bool:
    """Whether it runs; one that nobody has asked how it ended does not."""
    try:
        with open(f"/proc/{pid}/stat") as told:
            return told.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_they_end_with_the_one_that_started_them(how: signal.Signals) -> None:
    """The terminal interrupts them all; a kill meets the first one alone."""
    running = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert running.stdout is not None
    told = [running.stdout.readline().split() for _ in range(3)]
    assert told.count(["begun"]) == 2
    pids = [int(pid) for line in told if line != ["begun"] for pid in line]
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
