"""The client of the warden: starts and kills handler processes, and is notified of their end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

WARDEN = Path(__file__).with_name("warden.py")


class WardenClient:
    """Handler processes by name. Used from one event loop only."""

    def __init__(self, workplace: Path, image: Path) -> None:
        self._workplace = workplace
        self._image = image
        self._ended: dict[str, Callable[[int], None]] = {}
        self._pids: dict[str, int] = {}
        self._unread = b""
        self._open = False

    async def ready(self) -> None:
        """Wait until the warden has loaded the SDK. Start it if it is not running."""
        if not self._open:
            self._start_warden()
        await asyncio.wait_for(asyncio.shield(self._is_ready), 60)

    def _start_warden(self) -> None:
        self._unread = b""
        self._socket, wardens_end = socket.socketpair()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with wardens_end:
            self._warden = subprocess.Popen(
                [sys.executable, "-P", "-S", str(WARDEN), str(wardens_end.fileno()), str(self._workplace)],
                env={
                    "PATH": os.defpath,
                    "LANG": "C.UTF-8",
                    "TZ": "UTC",
                    "PYTHONPATH": str(self._image),
                    "AWS_EC2_METADATA_DISABLED": "true",
                },
                cwd=self._workplace,
                stdin=subprocess.DEVNULL,
                pass_fds=[wardens_end.fileno()],
                start_new_session=True,
            )
        self._is_ready = asyncio.get_running_loop().create_future()
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        self._open = True

    def start(
        self,
        name: str,
        *,
        how: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        output: int,
        ended: Callable[[int], None],
    ) -> None:
        """Start a process. ``ended`` is called once, with its exit status (negative: by that signal)."""
        if not self._open:
            raise ConnectionResetError("the warden of the handler processes has ended")
        self._ended[name] = ended
        order = {"start": name, "how": how, "argv": list(argv), "env": dict(environment), "cwd": str(cwd)}
        data = json.dumps(order).encode() + b"\n"
        self._socket.setblocking(True)
        try:
            sent = socket.send_fds(self._socket, [data], [output])
            self._socket.sendall(data[sent:])
        finally:
            self._socket.setblocking(False)

    def kill(self, name: str) -> None:
        """Kill a process and its descendants. No effect on a process that has ended."""
        if name in self._ended and self._open:
            self._socket.setblocking(True)
            try:
                self._socket.sendall(json.dumps({"kill": name}).encode() + b"\n")
            except OSError:
                pass  # the warden has ended, and every process with it
            finally:
                self._socket.setblocking(False)

    def pid(self, name: str) -> int | None:
        """Return the id of a process and its session; None before its start and after its end."""
        return self._pids.get(name)

    def close(self) -> None:
        """End every process, and wait until all have ended."""
        if not self._open:
            return
        self._open = False
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        try:
            self._warden.wait(10)
        except subprocess.TimeoutExpired:
            self._warden.kill()  # the kernel then kills the handler processes, by PR_SET_PDEATHSIG
            self._warden.wait(10)

    def _read(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self._warden_ended()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._handle(json.loads(line))

    def _handle(self, report: dict[str, Any]) -> None:
        if "ready" in report:
            self._is_ready.set_result(None)
        elif "started" in report:
            self._pids[report["started"]] = report["pid"]
        else:
            self._pids.pop(report["exited"], None)
            self._ended.pop(report["exited"])(report["status"])

    def _warden_ended(self) -> None:
        """Report the end of every handler process: the warden was killed, and they ended with it."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._warden.wait()
        self._open = False
        if not self._is_ready.done():
            self._is_ready.set_exception(RuntimeError("the warden of the handler processes did not start"))
        callbacks, self._ended, self._pids = self._ended, {}, {}
        for ended in callbacks.values():
            ended(-9)
