"""A local cloud that records which of its files are entered, in order. As a program, this module is the cloud."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from cronstack_infra import local
from cronstack_infra.local import __main__ as program
from tests.local.quick_cloud import Cloud, quick_cloud, quick_switches

TRACE = "TRACED_CLOUD_TRACE"
"""Environment variable: the trace file, with a line for each file when it is first entered."""
FIRST_CALL = ("apis/schedules.py", "_create_schedule")
"""File and function whose call restarts the trace, after a line "begin"."""
LOCAL = f"{Path(local.__file__).parent}{os.sep}"


def main() -> int:
    entered: set[str] = set()
    trace = open(os.environ[TRACE], "a", buffering=1, encoding="utf-8")  # noqa: SIM115  open until the process ends

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(LOCAL) or frame.f_code.co_name == "<module>":
            return
        name = frame.f_code.co_filename.removeprefix(LOCAL)
        if (name, frame.f_code.co_name) == FIRST_CALL:
            entered.clear()
            trace.write("begin\n")
        if name not in entered:
            entered.add(name)
            trace.write(f"{name}\n")

    threading.setprofile(note)
    sys.setprofile(note)
    return program.main(switches=quick_switches())


@contextmanager
def traced_cloud(trace: Path) -> Iterator[Cloud]:
    with quick_cloud("tests.local.traced", **{TRACE: str(trace)}) as cloud:
        yield cloud


if __name__ == "__main__":
    sys.exit(main())
