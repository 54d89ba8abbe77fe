"""The client of the warden: order handler processes, hear when they end."""

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
        """Return when the warden has loaded the SDK and obeys. It is started when there is none, or none any more."""
        if not self._open:
            self._start_warden()
        await asyncio.wait_for(asyncio.shield(self._obeys), 60)

    def _start_warden(self) -> None:
        self._unread = b""
        self._socket, theirs = socket.socketpair()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with theirs:
            self._warden = subprocess.Popen(
                [sys.executable, "-P", "-S", str(WARDEN), str(theirs.fileno()), str(self._workplace)],
                env={
                    "PATH": os.defpath,
                    "LANG": "C.UTF-8",
                    "TZ": "UTC",
                    "PYTHONPATH": str(self._image),
                    "AWS_EC2_METADATA_DISABLED": "true",
                },
                cwd=self._workplace,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._obeys = asyncio.get_running_loop().create_future()
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._hear)
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
        """Order a process. ``ended`` is called once, with its exit status (negative: by that signal)."""
        if not self._open:
            raise ConnectionResetError("the warden of the handler processes is gone")
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
        """End a process and all it started. One that has ended already is left in peace."""
        if name in self._ended and self._open:
            self._socket.setblocking(True)
            try:
                self._socket.sendall(json.dumps({"kill": name}).encode() + b"\n")
            except OSError:
                pass  # the warden is gone, and took every process with it
            finally:
                self._socket.setblocking(False)

    def pid(self, name: str) -> int | None:
        """Process id, which is also its session's; None before it runs and after its end."""
        return self._pids.get(name)

    def close(self) -> None:
        """End every process; returns when all are gone."""
        if not self._open:
            return
        self._open = False
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        try:
            self._warden.wait(10)
        except subprocess.TimeoutExpired:
            self._warden.kill()  # takes the handler processes with it: they asked the kernel for that
            self._warden.wait(10)

    def _hear(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        if not data:
            self._lost()
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._note(json.loads(line))

    def _note(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            self._obeys.set_result(None)
        elif "started" in said:
            self._pids[said["started"]] = said["pid"]
        else:
            self._pids.pop(said["exited"], None)
            self._ended.pop(said["exited"])(said["status"])

    def _lost(self) -> None:
        """The warden is gone, and with it every handler process: killed by the system, or by somebody."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._warden.wait()
        self._open = False
        if not self._obeys.done():
            self._obeys.set_exception(RuntimeError("the warden of the handler processes did not start"))
        ended, self._ended, self._pids = self._ended, {}, {}
        for call in ended.values():
            call(-9)
