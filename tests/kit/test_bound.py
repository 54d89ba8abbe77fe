"""Child processes end with the tool that started them."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.kit import bound
from tests.kit.processes import ended_within, family
from tests.places import ROOT

SLEEPER = "import subprocess, sys, time; print('up', flush=True); time.sleep(300)"
TOOL = f"""
import sys
from tests.kit import bound
with bound.started([sys.executable, "-c", {SLEEPER!r}], stdout=sys.stdout):
    import time; time.sleep(300)
"""
DIRECT_CHILD = f"""
import sys
from tests.kit import bound
bound.popen([sys.executable, "-c", {SLEEPER!r}], start_new_session=True)
import time; time.sleep(300)
"""
CONFORMANCE = """
from tests.bench import conformance
with conformance.moto() as endpoint:
    print(endpoint, flush=True)
    import time; time.sleep(300)
"""
ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGKILL]


def ended(program: str, ending: signal.Signals) -> tuple[str, set[int]]:
    """Run a tool until it prints a line, then end it. Return the line, and the processes that the tool has started."""
    tool = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert tool.stdout is not None
        line = tool.stdout.readline()
        started = family(tool.pid) - {tool.pid}
        tool.send_signal(ending)
        tool.wait(60)
    finally:
        tool.kill()
        tool.stdout.close()
    return line.strip(), started


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_child_ends_with_its_tool(ending: signal.Signals) -> None:
    line, started = ended(TOOL, ending)
    assert line == "up"
    assert len(started) == 2  # the lifeline and the command
    assert all(ended_within(pid, 30) for pid in started)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_direct_child_ends_with_its_tool(ending: signal.Signals) -> None:
    line, started = ended(DIRECT_CHILD, ending)
    assert line == "up"
    assert len(started) == 2  # the command and its watcher
    assert all(ended_within(pid, 30) for pid in started)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_moto_server_of_the_benchmark_ends_with_it(ending: signal.Signals) -> None:
    endpoint, started = ended(CONFORMANCE, ending)
    assert started
    assert all(ended_within(pid, 30) for pid in started)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(endpoint, timeout=10)


def test_run_behaves_like_subprocess_run() -> None:
    program = "import sys; print(sys.stdin.read().upper()); print('e', file=sys.stderr); sys.exit(3)"
    done = bound.run([sys.executable, "-c", program], input="a", capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "A\n", "e\n")
    with pytest.raises(subprocess.CalledProcessError):
        bound.run([sys.executable, "-c", "import sys; sys.exit(1)"], timeout=60, check=True)


def test_a_group_ends_after_the_block() -> None:
    inner = "import time; print(1, flush=True); time.sleep(300)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with bound.started([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        started = family(process.pid)
    assert len(started) == 3
    assert all(ended_within(pid, 30) for pid in started)


def test_a_command_ends_after_its_timeout() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        bound.run([sys.executable, "-c", "import time; time.sleep(300)"], timeout=1)
