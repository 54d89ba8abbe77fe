"""The warden: a child of the local cloud and the parent of every handler process. Standard library only.

It is started as ``python -P -S warden.py FD WORKPLACE`` with Lambda's image on PYTHONPATH, and talks JSON lines over
the socket FD. Being a program of its own it can do what the local cloud, full of threads, cannot: fork. It has the
SDK loaded already, so that a cold handler costs milliseconds, not a second; what a handler could observe of that is
only its speed, because nothing is shared after the fork and the modules are those it would import itself.

No orphans: the handler process and the warden are subreapers. A process that a handler started and abandoned, even by
two forks and a session of its own, becomes the handler's child again. When the handler process ends, such children
become the warden's, and the warden ends them. When the socket closes, however the local cloud ended, the warden ends
all processes and removes the work place.

    to the warden    {"start": id, "how": "fork"|"spawn", "argv": [...], "env": {...}, "cwd": "..."}  + its output's FD
                     {"kill": id}
    from the warden  {"ready": pid}   {"started": id, "pid": n}   {"exited": id, "status": n}   (n < 0: by signal -n)
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import Any, NamedTuple

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PRELOADED = ("json", "logging", "decimal", "traceback", "http.client", "ssl", "zoneinfo", "simplejson", "boto3")


class Become(Exception):
    """Raised in the forked child: be this handler process from here on."""

    def __init__(self, order: dict[str, Any], output: int) -> None:
        super().__init__()
        self.order = order
        self.output = output


class Sandbox(NamedTuple):
    """A handler process; its id is also its process group's and its session's."""

    name: str
    pid: int


class Warden:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.pid = os.getpid()
        self.living: dict[str, Sandbox] = {}
        self.given: list[int] = []
        self.waker, self.wake = socket.socketpair()
        self.waker.setblocking(False)
        self.wake.setblocking(False)
        signal.set_wakeup_fd(self.wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Obey until the socket ends."""
        self.say({"ready": self.pid})
        unread = b""
        while True:
            readable, _, _ = select.select([self.control, self.waker], [], [])
            if self.waker in readable:
                with contextlib.suppress(BlockingIOError):
                    self.waker.recv(4096)
                self.reap()
            if self.control in readable:
                try:
                    data, descriptors, _, _ = socket.recv_fds(self.control, 65536, 64)
                except ConnectionResetError:  # it ended with something unread in it
                    return
                self.given.extend(descriptors)
                if not data:
                    return
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))

    def obey(self, order: dict[str, Any]) -> None:
        if "kill" in order:
            if order["kill"] in self.living:
                self.kill(self.living[order["kill"]])
            return
        output = self.given.pop(0)
        started = self.fork(order, output) if order["how"] == "fork" else self.spawn(order, output)
        os.close(output)
        self.living[order["start"]] = Sandbox(order["start"], started)
        self.say({"started": order["start"], "pid": started})

    def fork(self, order: dict[str, Any], output: int) -> int:
        pid = os.fork()
        if not pid:
            raise Become(order, output)
        return pid

    def spawn(self, order: dict[str, Any], output: int) -> int:
        child = subprocess.Popen(
            [sys.executable, "-P", "-S", *order["argv"]],
            cwd=order["cwd"],
            env=order["env"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=watched,
        )
        child.returncode = 0  # reaped by the warden, not by Popen
        return child.pid

    def reap(self) -> None:
        """Collect the dead; with a handler process goes whatever it left behind."""
        ended = []
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended.append(found)
        if ended:
            self.end_orphans({pid for pid, _ in ended})
        for pid, status in ended:
            for sandbox in [sandbox for sandbox in self.living.values() if sandbox.pid == pid]:
                del self.living[sandbox.name]
                kill_group(pid)  # where there is no /proc, this is all that can be known of what it left
                self.say({"exited": sandbox.name, "status": os.waitstatus_to_exitcode(status)})

    def kill(self, sandbox: Sandbox) -> None:
        """Kill a living handler process and its group; the rest follows when its end is reaped."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(sandbox.pid, signal.SIGKILL)
        kill_group(sandbox.pid)

    def end_orphans(self, ended: set[int]) -> None:
        """End what fell to the warden because a handler process ended, and all that descends from it."""
        living = {one.pid for one in self.living.values()} - ended
        for child in [pid for pid, parent in processes() if parent == self.pid and pid not in living]:
            for pid in [child, *descendants(child)]:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def end_all(self) -> None:
        """Kill every descendant; again, until none is left, for a fork may be under way."""
        for sandbox in self.living.values():
            self.kill(sandbox)
        for _ in range(200):
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            left = descendants(self.pid)
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            select.select([], [], [], 0.01)

    def say(self, fields: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens: the end of the socket is read next
            self.control.sendall(json.dumps(fields).encode() + b"\n")


def kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def processes() -> list[tuple[int, int]]:
    """(pid, parent) of every process, as far as the system lists them in /proc.

    The dead among them: one that is ending is told to be dead while its children are still its own.
    """
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    fields = stat.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found.append((int(entry), int(fields[1])))
    return found


def descendants(ancestor: int) -> list[int]:
    everyone = processes()
    family = {ancestor}
    while more := {pid for pid, parent in everyone if parent in family} - family:
        family |= more
    return sorted(family - {ancestor})


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def watched() -> None:
    """In a handler process: die with the warden, and keep what descends from you."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def become(order: dict[str, Any], output: int, warden: Warden) -> None:
    """Turn the forked child into a handler process, as if it had been started by itself."""
    os.setsid()
    watched()
    if os.getppid() != warden.pid:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for spare in {nowhere, output, *warden.given} - {0, 1, 2}:
        os.close(spare)
    for channel in (warden.control, warden.waker, warden.wake):
        channel.close()
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    gc.enable()  # what was loaded before the fork stays frozen: collecting it would copy every page of it


def run(argv: list[str]) -> None:
    """Do what ``python FILE ARGS`` does."""
    sys.argv = argv
    runpy.run_path(argv[0], run_name="__main__")


def preload() -> None:
    """Load what handlers load, and let the SDK build one client: its parts are imported at first use only.

    The SDK's documents (models of services, endpoints) are kept parsed, for parsing them is half of what a client
    costs; a session shares them among its clients anyway, now all sessions of a process do.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    import boto3
    from botocore.loaders import JSONFileLoader

    loader: Any = JSONFileLoader
    parsed: dict[str, Any] = {}
    read = loader.load_file

    def load_file(self: Any, file_path: str) -> Any:
        if parsed.get(file_path) is None:
            parsed[file_path] = read(self, file_path)
        return parsed[file_path]

    loader.load_file = load_file
    boto3.session.Session().client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-", use_ssl=False
    )


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    workplace = sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C goes to the local cloud, which ends us
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    sys.pycache_prefix = os.path.join(workplace, "pycache")
    preload()
    gc.collect()
    gc.disable()
    gc.freeze()
    warden = Warden(control)
    try:
        warden.serve()
    except Become as child:
        order, output = child.order, child.output
    else:
        warden.end_all()
        shutil.rmtree(workplace, ignore_errors=True)
        return
    become(order, output, warden)
    del warden, control
    run(order["argv"])


if __name__ == "__main__":
    main()
