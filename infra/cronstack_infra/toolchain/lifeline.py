"""``python -I -S lifeline.py FD COMMAND…``: run a command that must not outlive the caller. Standard library only.

FD is the read end of a pipe. Only the caller holds the write end. When the caller is killed, the write end closes, and
this program kills its whole process group, itself included.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys


def main(lifeline: int, command: list[str]) -> int:
    """Run the command. Return its exit code, or 128 plus the number of the signal that ended it."""
    os.set_inheritable(lifeline, False)
    child = os.posix_spawnp(command[0], command, os.environ, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ))
    _thread.start_new_thread(_end_with, (lifeline,))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _end_with(lifeline: int) -> None:
    while os.read(lifeline, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    try:
        status = main(int(sys.argv[1]), sys.argv[2:])
    except OSError as fault:
        print(f"{sys.argv[2]}: {fault.strerror}", file=sys.stderr)
        status = 127
    os._exit(status)
