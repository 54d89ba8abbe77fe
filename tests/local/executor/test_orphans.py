"""No orphans: every process that handlers have started ends, however the executor ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest

from cronstack_infra.local.executor import warden
from cronstack_infra.local.executor.warden_client import WARDEN
from tests.local.executor.bench import Bench, bench, function
from tests.local.executor.test_sandbox import alive
from tests.places import ROOT

LEAVES_PROCESSES = """
import json, os, subprocess, sys, time
HANGS = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
def handler(event, context):
    plain = subprocess.Popen(HANGS)
    own_session = subprocess.Popen(HANGS, start_new_session=True)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)  # a daemon: its parent has ended, and it has its own session
        os.write(writing, str(os.getpid()).encode())
        time.sleep(300)
    daemon = int(os.read(reading, 20))
    print("left", json.dumps([os.getpid(), plain.pid, own_session.pid, daemon]), flush=True)
    if event.get("end") == "exit":
        os._exit(1)
    if event.get("end") == "hang":
        time.sleep(300)
    if event.get("end") == "kill":
        os.kill(os.getpid(), 9)
"""


def pids(log: list[str]) -> list[int]:
    printed = []
    for line in log:
        if line.startswith("left "):
            printed += json.loads(line[5:])
    return printed


def all_ended(left: list[int], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, left)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, left))


@pytest.mark.parametrize("end", ["exit", "hang", "kill"])
def test_processes_started_by_a_handler_end_with_its_process(runs: Bench, end: str) -> None:
    runs.recorder.log.clear()
    outcome = runs.run(function(LEAVES_PROCESSES, name=f"leaves-{end}", timeout=2), {"end": end})
    assert not outcome.ok
    left = pids(runs.recorder.log)
    assert len(left) == 4
    assert all_ended(left), [pid for pid in left if alive(pid)]


def test_processes_started_by_a_live_handler_process_stay(runs: Bench) -> None:
    runs.recorder.log.clear()
    assert runs.run(function(LEAVES_PROCESSES, name="keeps")).ok
    left = pids(runs.recorder.log)
    assert len(left) == 4
    runs.run(function("import os\ndef handler(e, c): os._exit(1)", name="other"))
    assert all(map(alive, left))


def test_without_the_warden_handlers_are_killed_and_the_next_event_starts_another() -> None:
    with bench() as runs:
        job = function("import os, time\ndef handler(e, c):\n    time.sleep(e.get('s', 0))\n    return os.getppid()")
        first = int(runs.run(job).payload)
        runs.submit(job, {"s": 60})
        runs.submit(function("import time\ndef handler(e, c): time.sleep(60)", name="other"))
        while len(runs.recorder.invocations) < 3:
            time.sleep(0.02)
        os.kill(first, signal.SIGKILL)
        assert [runs.next().error for _ in range(2)] == ["Runtime.ExitError"] * 2
        assert int(runs.run(job).payload) != first


PROGRAM = """
import sys, time
from tests.local.executor.bench import bench, function
from tests.local.executor.test_orphans import LEAVES_PROCESSES
with bench() as runs:
    for number in range(3):
        runs.submit(function(LEAVES_PROCESSES, name=f"job{number}", timeout=600), {"end": "hang"})
    while sum(line.startswith("left") for line in runs.recorder.log) < 3:
        time.sleep(0.05)
    for line in runs.recorder.log:
        print(line)
    print("place", runs.executor._workplace)
    print("warden", runs.executor._children._warden.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("victim", ["executor", "warden"])
def test_sigkill_of_the_executor_or_of_the_warden_leaves_no_process(victim: str) -> None:
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    try:
        log: list[str] = []
        while not log or not log[-1].startswith("warden"):
            line = program.stdout.readline()
            assert line, "it ended too early"
            log.append(line.rstrip("\n"))
        warden = int(log[-1].split()[1])
        place = Path(log[-2].split()[1])
        left = pids(log)
        assert len(left) == 12
        assert all(map(alive, left))
        if victim == "executor":
            os.kill(program.pid, signal.SIGKILL)
            assert all_ended([*left, warden]), [pid for pid in left if alive(pid)]
            assert not place.exists()
        else:
            handlers = [pid for line in log if line.startswith("left ") for pid in json.loads(line[5:])[:1]]
            os.kill(warden, signal.SIGKILL)
            assert all_ended(handlers)
    finally:
        program.kill()
        program.wait(60)
        program.stdout.close()
        shutil.rmtree(place, ignore_errors=True)
        for pid in left:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


LEAVES_ONE_PROCESS = """
import subprocess, sys, time
left = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"], start_new_session=True)
print(left.pid, flush=True)
time.sleep(300)
"""


def test_unread_data_in_the_socket_does_not_prevent_the_warden_from_cleaning_up(tmp_path: Path) -> None:
    """A socket that is closed with unread data in it ends by a reset, not by an end of file."""
    control, wardens_end = socket.socketpair()
    place = tmp_path / "place"
    place.mkdir()
    program = [sys.executable, "-P", "-S", str(WARDEN), str(wardens_end.fileno()), str(place)]
    image = {"PYTHONPATH": sysconfig.get_path("purelib")}
    running = subprocess.Popen(program, pass_fds=[wardens_end.fileno()], env=image)
    wardens_end.close()
    reads, writes = os.pipe()
    order = {"start": "one", "how": "spawn", "argv": ["-c", LEAVES_ONE_PROCESS], "env": {}, "cwd": str(tmp_path)}
    socket.send_fds(control, [json.dumps(order).encode() + b"\n"], [writes])
    os.close(writes)
    with os.fdopen(reads) as output:
        left = int(output.readline())
    control.close()  # with "ready" and "started" unread
    assert running.wait(60) == 0
    assert all_ended([left]), "it outlived its warden"
    assert not place.exists()


def test_zombies_are_searched_for_children() -> None:
    """An ending process is a zombie while it still has children. Without zombies, these would not be found."""
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])
    assert os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT) is not None  # ended, and not reaped
    assert (child.pid, os.getpid()) in warden.processes()
    assert child.pid in warden.descendants(os.getpid())
    child.wait()
