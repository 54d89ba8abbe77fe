"""The folder, the shell, the Python and the local cloud of one page under test."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import DEFAULT_PORT, pointed_at
from cronstack_infra.toolchain import ensure_cdk
from tests.places import ROOT

LONGEST: Final = 300.0
"""Seconds that one command may take."""
ADDRESS: Final = f"127.0.0.1:{DEFAULT_PORT}"
UP: Final = re.compile(r"^(?P<before>[^#]*?)(?:&&\s*)?(?:uv run )?cronstack up(?P<options>(?: [^&|;#]*)?)(?:#.*)?$")
READY: Final = "Ctrl-C stops it."
COPIED: Final = ("functions", "infra", "tests", "cdk.json", "cronstack.lock", "pyproject.toml", "README.md")
CRONSTACK: Final = """#!/bin/sh
case "$1" in
up | env) exec "{python}" -m cronstack_infra.cli "$@" --port {port} ;;
*) exec "{python}" -m cronstack_infra.cli "$@" ;;
esac
"""
AWS: Final = '#!/bin/sh\nPYTHONPATH="{root}" exec "{python}" -m tests.tools.aws_cli "$@"\n'
UV: Final = """#!/bin/sh
# Installations are tested by tests/e2e/test_new_synced.py. Here, everything is installed.
case "$1" in
sync) exit 0 ;;
run) shift && exec "$@" ;;
*) echo "uv $1: name the block in tests/pages/not_run.py" >&2 && exit 2 ;;
esac
"""
SAVE: Final = """trap 'env -0 >"{state}/environ"; pwd >"{state}/folder"' EXIT\nset -a\n"""


class Workspace:
    """A context manager. Leaving it ends every process that a block has started."""

    def __init__(self, folder: Path, *, start: str) -> None:
        self._state = folder / "state"
        self._tools = folder / "tools"
        self._port = _free_port()
        self._ends = ExitStack()
        self._cloud = ExitStack()
        self._has_cloud = False
        self._python: subprocess.Popen[str] | None = None
        self._state.mkdir()
        self._write_tools()
        self._environ = self._first_environ()
        self.folder = folder / "work"
        self.folder.mkdir()
        if start == "repository":
            _copy_repository(self.folder)
        elif start == "project":
            self.shell("cronstack new shop && cd shop")
        else:
            assert start == "empty", f"start: {start} is not project, empty or repository"

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self._cloud.close()
        self._ends.close()

    def shell(self, text: str) -> tuple[int, str]:
        """Run a text by ``bash -e`` where the last one ended. Return its exit code and what it printed."""
        for line in text.splitlines():
            if found := UP.match(line):
                return self._shell_with_up(text, line, found)
        return self._shell(text)

    def write(self, path: str, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")

    def python(self, name: str, code: str) -> str:
        """Execute a block in the namespace of the page's earlier ones. Return its traceback, or ""."""
        if self._python is None:
            command = [sys.executable, str(Path(__file__).with_name("python_blocks.py"))]
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self._python = self._ends.enter_context(subprocess.Popen(command, env=self._environ, **pipes))
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        given = {"name": name, "code": code, "environ": self._environ, "folder": str(self.folder)}
        self._python.stdin.write(json.dumps(given) + "\n")
        self._python.stdin.flush()
        return str(json.loads(self._python.stdout.readline())["error"])

    def need_cloud(self) -> None:
        """Start the page's local cloud, empty, unless one runs."""
        if not self._has_cloud:
            self._cloud.enter_context(LocalCloud.start(self._port, stacks=True))
            self._has_cloud = True

    def _shell(self, text: str) -> tuple[int, str]:
        if "cronstack trigger" in text:
            _leave_the_turn_of_the_minute()
        self._link_cdk()
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", SAVE.format(state=self._state) + self._here(text)],
            cwd=self.folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
        )
        self._environ = dict(
            pair.partition("=")[::2] for pair in (self._state / "environ").read_text("utf-8").split("\0") if pair
        )
        self.folder = Path((self._state / "folder").read_text("utf-8").rstrip("\n"))
        return done.returncode, self._as_documented(done.stdout)

    def _shell_with_up(self, text: str, line: str, found: re.Match[str]) -> tuple[int, str]:
        """Run what precedes ``cronstack up``, then it in the background until it is ready, then the rest."""
        above, _, below = text.partition(line)
        code, printed = self._shell(above + found["before"])
        if code:
            return code, printed
        self._cloud.close()
        self._has_cloud = True
        printed += self._cloud.enter_context(self._up(found["options"].split()))
        if not below.strip():
            return 0, printed
        code, more = self.shell(below)
        return code, printed + more

    @contextmanager
    def _up(self, options: list[str]) -> Iterator[str]:
        """Run ``cronstack up``. Yield what it printed until it was ready."""
        self._link_cdk()
        command = [str(self._tools / "cronstack"), "up", *options]
        output = self._state / "up"
        with output.open("w") as file:
            process = subprocess.Popen(command, cwd=self.folder, env=self._environ, stdout=file, stderr=file)
        try:
            end = time.monotonic() + LONGEST
            while READY not in (printed := output.read_text("utf-8")):
                assert process.poll() is None, f"cronstack up ended with {process.returncode}:\n{printed}"
                assert time.monotonic() < end, f"cronstack up is not ready after {LONGEST:g} s:\n{printed}"
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
            yield self._as_documented(printed)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    def _here(self, text: str) -> str:
        return text.replace(ADDRESS, f"127.0.0.1:{self._port}")

    def _as_documented(self, printed: str) -> str:
        """Replace this cloud's port by the one that pages name."""
        text = printed.replace(f" env --port {self._port}", " env").replace(f"--port {self._port}", "--local")
        return text.replace(f"127.0.0.1:{self._port}", ADDRESS)

    def _link_cdk(self) -> None:
        """Spare the project in this folder the installation of the cdk CLI."""
        ours = self.folder / ".cronstack" / "cdk"
        if (self.folder / "cdk.json").exists() and not ours.exists():
            ensure_cdk(ROOT, print)
            ours.parent.mkdir(exist_ok=True)
            ours.symlink_to(ROOT / ".cronstack" / "cdk")

    def _write_tools(self) -> None:
        self._tools.mkdir()
        for name, text in (("cronstack", CRONSTACK), ("aws", AWS), ("uv", UV)):
            file = self._tools / name
            file.write_text(text.format(python=sys.executable, port=self._port, root=ROOT))
            file.chmod(0o755)

    def _first_environ(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COVERAGE"))}
        path = f"{self._tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        shown = {"PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
        return pointed_at(f"http://127.0.0.1:{self._port}", kept) | shown


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _leave_the_turn_of_the_minute() -> None:
    """Wait for a second in which no example is due: their jobs run each minute, and would skip what is triggered."""
    while not 10 <= time.time() % 60 <= 40:
        time.sleep(0.5)


def _copy_repository(folder: Path) -> None:
    unneeded = shutil.ignore_patterns("__pycache__", "cdk.out", "node_modules")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=unneeded)
        else:
            shutil.copy(source, folder / name)
