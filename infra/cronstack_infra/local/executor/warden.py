"""The warden: a child of the local cloud and the parent of every handler process. Standard library only.

It is started as ``python -P -S warden.py FD WORKPLACE`` with Lambda's image on PYTHONPATH, and exchanges JSON lines
over the socket FD. The local cloud has threads and so cannot fork; the warden can. It has loaded the SDK already, so a
cold handler takes milliseconds, not a second. A handler can notice only the speed: nothing is shared after the fork,
and the modules are those that it would import itself.

No orphans: the handler process and the warden are subreapers. A process that a handler started and abandoned, even by
two forks and a new session, becomes the handler's child again. When the handler process ends, such children become
the warden's, and the warden ends them. When the socket closes, however the local cloud ended, the warden ends all
processes and removes the work folder.

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


class Forked(Exception):
    """Raised in the forked child, so that it leaves the warden's loop and runs the handler."""

    def __init__(self, order: dict[str, Any], output: int) -> None:
        super().__init__()
        self.order = order
        self.output = output


class HandlerProcess(NamedTuple):
    """A handler process. Its pid is also the id of its process group and its session."""

    name: str
    pid: int


class Warden:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.pid = os.getpid()
        self.living: dict[str, HandlerProcess] = {}
        self.received_fds: list[int] = []
        self.waker, self.wake = socket.socketpair()
        self.waker.setblocking(False)
        self.wake.setblocking(False)
        signal.set_wakeup_fd(self.wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Execute orders until the socket closes."""
        self.send({"ready": self.pid})
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
                except ConnectionResetError:  # the local cloud ended with unread data in the socket
                    return
                self.received_fds.extend(descriptors)
                if not data:
                    return
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    self.execute(json.loads(line))

    def execute(self, order: dict[str, Any]) -> None:
        if "kill" in order:
            if order["kill"] in self.living:
                self.kill(self.living[order["kill"]])
            return
        output = self.received_fds.pop(0)
        pid = self.fork(order, output) if order["how"] == "fork" else self.spawn(order, output)
        os.close(output)
        self.living[order["start"]] = HandlerProcess(order["start"], pid)
        self.send({"started": order["start"], "pid": pid})

    def fork(self, order: dict[str, Any], output: int) -> int:
        pid = os.fork()
        if not pid:
            raise Forked(order, output)
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
            preexec_fn=bind_to_warden,
        )
        child.returncode = 0  # reaped by the warden, not by Popen
        return child.pid

    def reap(self) -> None:
        """Reap ended children, and kill the processes that an ended handler process has left."""
        ended = []
        with contextlib.suppress(ChildProcessError):
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                ended.append(reaped)
        if ended:
            self.end_orphans({pid for pid, _ in ended})
        for pid, status in ended:
            for sandbox in [sandbox for sandbox in self.living.values() if sandbox.pid == pid]:
                del self.living[sandbox.name]
                kill_group(pid)  # without /proc, its other descendants cannot be found
                self.send({"exited": sandbox.name, "status": os.waitstatus_to_exitcode(status)})

    def kill(self, sandbox: HandlerProcess) -> None:
        """Kill a handler process and its group. ``reap`` kills its other descendants."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(sandbox.pid, signal.SIGKILL)
        kill_group(sandbox.pid)

    def end_orphans(self, ended: set[int]) -> None:
        """Kill the children that the warden inherited from ended handler processes, and their descendants."""
        living = {sandbox.pid for sandbox in self.living.values()} - ended
        for child in [pid for pid, parent in processes() if parent == self.pid and pid not in living]:
            for pid in [child, *descendants(child)]:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def end_all(self) -> None:
        """Kill every descendant; repeat until none is left, because a fork may be under way."""
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

    def send(self, fields: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the local cloud has ended; ``serve`` reads the end of the socket next
            self.control.sendall(json.dumps(fields).encode() + b"\n")


def kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def processes() -> list[tuple[int, int]]:
    """Return (pid, parent) of every process in /proc; empty without /proc.

    Zombies are included: an ending process is a zombie already while it still has children.
    """
    listed = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    fields = stat.read().rpartition(b")")[2].split()
            except OSError:
                continue
            listed.append((int(entry), int(fields[1])))
    return listed


def descendants(ancestor: int) -> list[int]:
    all_processes = processes()
    family = {ancestor}
    while more := {pid for pid, parent in all_processes if parent in family} - family:
        family |= more
    return sorted(family - {ancestor})


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def bind_to_warden() -> None:
    """In a handler process: have the kernel kill it with the warden, and make it a subreaper."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def become_handler(order: dict[str, Any], output: int, warden: Warden) -> None:
    """Give the forked child the state of a newly started handler process."""
    os.setsid()
    bind_to_warden()
    if os.getppid() != warden.pid:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for spare in {null, output, *warden.received_fds} - {0, 1, 2}:
        os.close(spare)
    for channel in (warden.control, warden.waker, warden.wake):
        channel.close()
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    os.chdir(order["cwd"])
    gc.enable()  # objects from before the fork stay frozen: collecting them would copy their memory pages


def run(argv: list[str]) -> None:
    """Run a file as ``python FILE ARGS`` does."""
    sys.argv = argv
    runpy.run_path(argv[0], run_name="__main__")


def preload() -> None:
    """Import the modules that handlers use, and create one client, because the SDK imports its parts at first use.

    The SDK's documents (models of services, endpoints) are cached in parsed form: parsing is half of a client's cost.
    The clients of a session share them in any case; with the cache, all sessions of a process do.
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the local cloud, which ends the warden
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    sys.pycache_prefix = os.path.join(workplace, "pycache")
    preload()
    gc.collect()
    gc.disable()
    gc.freeze()
    warden = Warden(control)
    try:
        warden.serve()
    except Forked as child:
        order, output = child.order, child.output
    else:
        warden.end_all()
        shutil.rmtree(workplace, ignore_errors=True)
        return
    become_handler(order, output, warden)
    del warden, control
    run(order["argv"])


if __name__ == "__main__":
    main()
