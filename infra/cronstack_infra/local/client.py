"""The client of the local cloud's process: start it, call it, stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Any

from cronstack.errors import CronstackError
from cronstack_infra.local.environment import client_arguments, region_of, without_credentials

OnEvent = Callable[[dict[str, Any]], None]


class LocalCloud:
    """A running local cloud. A context manager: leaving it stops the process."""

    def __init__(self, process: subprocess.Popen[bytes], events: IO[str], on_event: OnEvent | None) -> None:
        self._process = process
        self._on_event = on_event
        self._ready: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._printed: deque[str] = deque(maxlen=200)
        assert process.stdout is not None
        printed = TextIOWrapper(process.stdout, encoding="utf-8", errors="replace")
        self._readers = (
            threading.Thread(target=self._read_events, args=(events,), name="local-events", daemon=True),
            threading.Thread(target=self._read_printed, args=(printed,), name="local-errors", daemon=True),
        )
        for reader in self._readers:
            reader.start()
        self.endpoint = ""

    @classmethod
    def start(
        cls,
        port: int = 0,
        *,
        on_event: OnEvent | None = None,
        seconds: float = 60.0,
        stacks: bool = False,
        switches: Sequence[str] = (),
        seed: int = 0,
    ) -> LocalCloud:
        """Start a local cloud on a port of 127.0.0.1 (0: any free one) and wait until it answers.

        ``on_event`` is called with each event, from a separate thread. ``stacks`` loads CloudFormation at once,
        for a deploy that comes next. ``switches`` are texts such as "past-at=refused". Raises CronstackError with
        the process's output when it does not answer within ``seconds``.
        """
        command = [sys.executable, "-m", "cronstack_infra.local", "--port", str(port)]
        if stacks:
            command.append("--stacks")
        command += [f"--switch={switch}" for switch in switches]
        command += ["--seed", str(seed)] if seed else []
        if threading.current_thread() is threading.main_thread():
            command += ["--parent", str(os.getpid())]  # the kernel watches the thread that started a child
        reading, writing = os.pipe()
        events = os.fdopen(reading, encoding="utf-8", errors="replace")
        try:
            process = subprocess.Popen(
                [*command, "--events", str(writing)],
                env=without_credentials(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
                start_new_session=True,
            )
        except BaseException:  # Ctrl-C, too: the reading end must be closed
            events.close()
            raise
        finally:
            os.close(writing)
        cloud = cls(process, events, on_event)
        try:
            ready = cloud._ready.get(timeout=seconds)
        except Empty:
            cloud.stop()
            raise CronstackError(f"the local cloud did not answer within {seconds:g} s{cloud._output()}") from None
        except BaseException:  # Ctrl-C, too
            cloud.stop()
            raise
        if ready is None:
            cloud.stop()
            raise CronstackError(cloud._output().lstrip("\n:") or "the local cloud ended without any output")
        cloud.endpoint = ready["endpoint"]
        return cloud

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    def client(self, service: str) -> Any:
        """Return a boto3 client of this local cloud."""
        import boto3

        create: Any = boto3.client
        return create(service, **client_arguments(self.endpoint, region_of(os.environ)))

    def stop(self, seconds: float = 10.0) -> None:
        """End the process: close its input, then send signals. A second call has no effect."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        for end in (self._process.terminate, self._process.kill, None):
            try:
                self._process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                if end is not None:
                    end()
        for reader in self._readers:
            if reader is not threading.current_thread():
                reader.join(seconds)

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _read_events(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                event = event_of(line)
                if event is None:
                    self._printed.append(line.rstrip("\n"))
                    continue
                if event["event"] == "ready":
                    self._ready.put(event)
                if self._on_event is not None:
                    self._on_event(event)
        self._ready.put(None)

    def _read_printed(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._printed.append(line.rstrip("\n"))

    def _output(self) -> str:
        """Return what the process printed, after a colon. Only once it has ended."""
        self._readers[1].join(1.0)
        return ":\n" + "\n".join(self._printed) if self._printed else ""


def event_of(line: str) -> dict[str, Any] | None:
    """Read one line from the pipe of events. Return None for a line that is not an event."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
