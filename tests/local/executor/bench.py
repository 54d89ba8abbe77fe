"""Helpers of the executor's tests: functions of a few lines, an executor that runs them, and a recording listener."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import queue
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cronstack_infra.local.executor.executor import Executor, Limits
from cronstack_infra.local.executor.values import DeployedFunction, Invocation, InvocationOutcome

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
NUMBERS = itertools.count(1)


def zipped(**files: str) -> bytes:
    """Return a zip of modules: ``zipped(app="def handler…")``. "package__module" becomes package/module.py."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            item = zipfile.ZipInfo(name.replace("__", "/") + ".py", (1980, 1, 1, 0, 0, 0))
            archive.writestr(item, textwrap.dedent(text))
    return data.getvalue()


def function(source: str, *, name: str = "job", handler: str = "app.handler", **fields: Any) -> DeployedFunction:
    code = zipped(app=source)
    given = DeployedFunction(
        arn=ARN + name,
        version="$LATEST",
        name=name,
        handler=handler,
        runtime="python3.13",
        timeout=10,
        memory=512,
        environment={},
        region="us-east-1",
        account="123456789012",
        code_sha256=hashlib.sha256(code).hexdigest(),
        code=code,
        log_group=f"/aws/lambda/{name}",
    )
    return replace(given, **fields)


class Recorder:
    """A listener that records every report."""

    def __init__(self) -> None:
        self.invocations: list[Invocation] = []
        self.log: list[str] = []
        self.streams: list[str] = []
        self.notes: list[str] = []
        self.outcomes: queue.Queue[tuple[Invocation, InvocationOutcome]] = queue.Queue()

    def started(self, invocation: Invocation) -> None:
        self.invocations.append(invocation)

    def lines(self, function: DeployedFunction, log_stream: str, lines: list[str]) -> None:
        self.streams.append(log_stream)
        self.log.extend(lines)

    def finished(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        self.outcomes.put((invocation, outcome))

    def note(self, text: str) -> None:
        self.notes.append(text)


class Bench:
    """A running executor, with the recorder of its reports."""

    def __init__(self, executor: Executor, recorder: Recorder) -> None:
        self.executor = executor
        self.recorder = recorder

    def submit(self, function: DeployedFunction, event: Any = None) -> str:
        request_id = f"00000000-0000-0000-0000-{next(NUMBERS):012}"
        payload = json.dumps(event if event is not None else {}).encode()
        self.executor.submit(Invocation(request_id, function, payload, function.arn))
        return request_id

    def next(self, seconds: float = 30) -> InvocationOutcome:
        return self.recorder.outcomes.get(timeout=seconds)[1]

    def run(self, function: DeployedFunction, event: Any = None) -> InvocationOutcome:
        self.submit(function, event)
        return self.next()


@contextmanager
def bench(
    *,
    own_loop: bool | None = None,
    available: Callable[[int], float] | None = None,
    ahead: Callable[[str, int], float] | None = None,
    **limits: Any,
) -> Iterator[Bench]:
    recorder = Recorder()
    options = {"own_loop": own_loop, "available": available, "ahead": ahead}
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    executor = Executor(
        recorder,
        clock=time.time,
        unique=lambda: f"{next(NUMBERS):032x}",
        endpoint="http://127.0.0.1:9",
        limits=Limits(**limits),
        **given,
    )
    executor.start()
    try:
        yield Bench(executor, recorder)
    finally:
        executor.stop()
