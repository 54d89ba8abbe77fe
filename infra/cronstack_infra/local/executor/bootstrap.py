"""The first program of a handler process: sets the search path and the clock, then runs the runtime loop.

    python -P -S bootstrap.py PATH CLOCK -m MODULE ARGS      or      python -P -S bootstrap.py PATH CLOCK FILE ARGS

PATH has the folders that come before the standard library. CLOCK is empty, or SECONDS:FOLDER: the clock of the
process is ahead by SECONDS, and FOLDER has time-machine. A forked process runs this file too. This file cannot import
Cronstack.
"""

from __future__ import annotations

import os
import runpy
import sys


def set_clock(seconds: float, folder: str) -> None:
    """Shift every date that Python code reads in this process.

    The kernel has one clock for all processes. So durations, file dates and child processes are not shifted.
    """
    sys.path.insert(0, folder)
    import _time_machine  # type: ignore[import-not-found]  # it has no stubs
    import time_machine

    sys.path.remove(folder)
    ahead = int(seconds * 1e9)
    traveller = time_machine.travel(0).start()  # its method is replaced next, so that the time goes on
    traveller.time_ns = lambda: _time_machine.original_time_ns() + ahead  # type: ignore[method-assign]


def main() -> None:
    path, clock, argv = sys.argv[1].split(os.pathsep), sys.argv[2], sys.argv[3:]
    replaced = {*path, *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    sys.path[:] = [*path, *(folder for folder in sys.path if folder not in replaced)]
    if clock:
        seconds, _, folder = clock.partition(":")
        set_clock(float(seconds), folder)
    if argv[0] == "-m":
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
