"""``python -m cronstack_infra.local --port N``: the local cloud as a process of its own.

It ends when its standard input does, on SIGTERM and on SIGINT, so that nothing survives the program that started it.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cronstack_infra.local.clock import Clock
    from cronstack_infra.switches.settings import Switches

ASKED_TO_END: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG: Final = 1


def main(*, clock: Clock | None = None, switches: Switches | None = None) -> int:
    """Run until the end is requested; return the exit code. ``clock`` defaults to the machine's."""
    parser = argparse.ArgumentParser(prog="python -m cronstack_infra.local", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--parent", type=int, help="process that must live; when it ends, so does the local cloud")
    parser.add_argument("--stacks", action="store_true", help="load CloudFormation at once: a deploy comes next")
    parser.add_argument("--events", type=int, metavar="FD", help="descriptor for events. Defaults to standard output")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="how AWS is played")
    parser.add_argument("--seed", type=int, default=0, help="of all chance that switches leave")
    options = parser.parse_args()
    if options.switch or options.seed:
        switches = _read(parser, options.switch, options.seed, switches)

    write = _writer_to(_own_descriptor(options.events))
    ended = threading.Event()
    end_when_told(ended)
    if options.parent is not None:
        _end_with(options.parent)

    from cronstack.errors import CronstackError

    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # or any web page could read the local cloud's answers
    from cronstack_infra.local.clock import MachineClock
    from cronstack_infra.local.cloud import Cloud
    from cronstack_infra.local.environment import pointed_at, timeout

    try:
        cloud = Cloud(
            options.port, clock=clock or MachineClock(), write=write, timeout=timeout(os.environ), switches=switches
        )
    except CronstackError as fault:
        print(fault, file=sys.stderr)
        return 1
    ours = pointed_at(cloud.endpoint, os.environ)
    os.environ.clear()
    os.environ.update(ours)  # nothing in this process, moto's botocore included, can talk to the real AWS
    well = cloud.run({"pid": os.getpid()}, ended, stacks=options.stacks)
    os._exit(0 if well else 1)  # threads that still serve a request, or import moto, are not waited for


def _read(parser: argparse.ArgumentParser, given: list[str], seed: int, over: Switches | None) -> Switches:
    from cronstack.errors import DeclarationError
    from cronstack_infra.switches.reading import read

    try:
        return read(given, seed=seed, over=over)
    except DeclarationError as wrong:
        parser.error(str(wrong))


def end_when_told(ended: threading.Event) -> None:
    """Set ``ended`` at the end of the standard input and on a signal. Only in the main thread.

    A signal's handler runs in the main thread in the middle of whatever it does, and that is ``ended.wait()``, which
    holds the event's own lock for a moment when it is woken: a handler that set the event would wait for itself. So
    the handler does nothing, and one thread hears of signals, through a pipe, as of the input.
    """
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    for number in ASKED_TO_END:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_listen, args=(told, ended), name="input", daemon=True).start()


def _listen(told: int, ended: threading.Event) -> None:
    while True:
        readable, _, _ = select.select([0, told], [], [])
        if told in readable or not os.read(0, 4096):
            break
    ended.set()


def _end_with(parent: int) -> None:
    """Be told by the kernel when the parent dies. Linux only; elsewhere the end of the input has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)  # it died before the kernel was told to watch


def _own_descriptor(given: int | None) -> int:
    """Return the descriptor for events, which no child inherits; send whatever else this process prints to stderr.

    moto and other libraries print to standard output. Between two events such a line would break the reader.
    """
    found = os.dup(1) if given is None else given
    os.set_inheritable(found, False)
    os.dup2(2, 1)
    return found


def _writer_to(descriptor: int) -> Callable[[str], None]:
    """Return a function that writes one line at once."""

    def write(line: str) -> None:
        rest = f"{line}\n".encode()
        with contextlib.suppress(BrokenPipeError):  # the reader is gone; the end of the input ends this process, too
            while rest:
                rest = rest[os.write(descriptor, rest) :]

    return write


if __name__ == "__main__":
    sys.exit(main())
