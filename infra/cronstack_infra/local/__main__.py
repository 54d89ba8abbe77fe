"""``python -m cronstack_infra.local --port N``: the local cloud as a separate process.

It ends at the end of its standard input, on SIGTERM and on SIGINT, so it never outlives the program that started it.
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

END_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG: Final = 1


def main(*, clock: Clock | None = None, switches: Switches | None = None) -> int:
    """Run until a signal or the end of the input; return the exit code. ``clock`` defaults to the machine's."""
    parser = argparse.ArgumentParser(prog="python -m cronstack_infra.local", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--parent", type=int, help="process id of the parent; the local cloud ends when it ends")
    parser.add_argument("--stacks", action="store_true", help="load CloudFormation at once: a deploy comes next")
    parser.add_argument("--events", type=int, metavar="FD", help="descriptor for events. Defaults to standard output")
    parser.add_argument("--switch", action="append", default=[], metavar="NAME=VALUE", help="how to play AWS")
    parser.add_argument("--seed", type=int, default=0, help="seed of random choices. Defaults to 0")
    options = parser.parse_args()
    if options.switch or options.seed:
        switches = _read_switches(parser, options.switch, options.seed, switches)

    write = _line_writer(_private_descriptor(options.events))
    ended = threading.Event()
    end_on_signal_or_eof(ended)
    if options.parent is not None:
        _end_with(options.parent)

    from cronstack.errors import CronstackError

    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # otherwise any web page could read the local cloud's answers
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
    local_environ = pointed_at(cloud.endpoint, os.environ)
    os.environ.clear()
    os.environ.update(local_environ)  # nothing in this process, moto's botocore included, can call the real AWS
    succeeded = cloud.run({"pid": os.getpid()}, ended, stacks=options.stacks)
    os._exit(0 if succeeded else 1)  # do not wait for threads that serve a request or import moto


def _read_switches(parser: argparse.ArgumentParser, given: list[str], seed: int, over: Switches | None) -> Switches:
    from cronstack.errors import DeclarationError
    from cronstack_infra.switches.parsing import read

    try:
        return read(given, seed=seed, over=over)
    except DeclarationError as error:
        parser.error(str(error))


def end_on_signal_or_eof(ended: threading.Event) -> None:
    """Set ``ended`` at the end of the standard input and on a signal. Only in the main thread.

    A signal handler interrupts the main thread in ``ended.wait()``, which may hold the event's lock at that moment.
    A handler that sets the event could deadlock. So the handler does nothing, and another thread reads signals from
    a pipe.
    """
    signal_reader, signal_writer = os.pipe()
    os.set_blocking(signal_writer, False)
    signal.set_wakeup_fd(signal_writer, warn_on_full_buffer=False)
    for number in END_SIGNALS:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_listen, args=(signal_reader, ended), name="input", daemon=True).start()


def _listen(signal_reader: int, ended: threading.Event) -> None:
    while True:
        readable, _, _ = select.select([0, signal_reader], [], [])
        if signal_reader in readable or not os.read(0, 4096):
            break
    ended.set()


def _end_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent dies. Linux only; elsewhere only the end of the input ends us."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)  # the parent died before prctl


def _private_descriptor(given: int | None) -> int:
    """Return the descriptor for events, which no child inherits. Redirect this process's stdout to stderr.

    moto and other libraries print to standard output. Between two events such a line would break the reader.
    """
    descriptor = os.dup(1) if given is None else given
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    return descriptor


def _line_writer(descriptor: int) -> Callable[[str], None]:
    """Return a function that writes one line without buffering."""

    def write(line: str) -> None:
        rest = f"{line}\n".encode()
        with contextlib.suppress(BrokenPipeError):  # the reader has ended; the end of the input ends this process too
            while rest:
                rest = rest[os.write(descriptor, rest) :]

    return write


if __name__ == "__main__":
    sys.exit(main())
