"""The conformance kit on Cronstack's local cloud, on MiniStack and on plain moto, side by side, as a Markdown table.

    python -m tests.bench.conformance [--json FILE]

The three start one after the other on 127.0.0.1, and end with this program. MiniStack is installed from PyPI into a
separate environment under .cronstack/. The table has the reason if one cannot be installed or started.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.kit import bound

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cronstack" / "conformance"
MINISTACK = "1.5.33"
PARTS = ("scheduler", "lambda", "sqs", "behaviour")
INSTALLING, STARTING, ASKING = 300, 90, 900
"""Time limits of the steps in seconds."""


class CannotRun(Exception):
    """One of the three cannot run. The message has the reason."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cronstack() -> Iterator[str]:
    from cronstack_infra.local.client import LocalCloud

    with LocalCloud.start(seconds=STARTING) as cloud:
        yield cloud.endpoint


@contextmanager
def moto() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with served(command, {}, port, "moto"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def ministack() -> Iterator[str]:
    place = HOME / f"ministack-{MINISTACK}"
    program = place / "bin" / "ministack"
    if not program.exists():
        install(place)
    port = free_port()
    surroundings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # this listener binds to all addresses
        "SFTP_ENABLED": "0",
    }
    HOME.mkdir(parents=True, exist_ok=True)
    temporary = TemporaryDirectory(dir=HOME)
    with temporary, served([str(program)], surroundings | {"TMPDIR": temporary.name}, port, "ministack"):
        yield f"http://127.0.0.1:{port}"


def install(place: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    steps = (
        [uv, "venv", "-q", "--clear", "--python", sys.executable, str(place)],
        [uv, "pip", "install", "-q", "--python", str(place / "bin" / "python"), f"ministack=={MINISTACK}"],
    )
    for step in steps:
        try:
            done = bound.run(step, capture_output=True, text=True, timeout=INSTALLING)
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise CannotRun(f"cannot be installed: {type(fault).__name__}") from None
        if done.returncode:
            raise CannotRun(f"cannot be installed: {done.stderr.strip()[-200:]}")


@contextmanager
def served(command: list[str], surroundings: dict[str, str], port: int, name: str) -> Iterator[None]:
    """Run a server in its own process group until the end of the block. Enter the block when it responds."""
    HOME.mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | surroundings
    with (HOME / f"{name}.log").open("wb") as log:
        given = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "env": environment, "cwd": HOME}
        with bound.started(command, **given) as process:
            wait_for(process, port, HOME / f"{name}.log")
            yield


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + STARTING
    while time.monotonic() < end:
        if process.poll() is not None:
            raise CannotRun(f"ended at once: {log.read_text('utf-8', 'replace').strip()[-200:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise CannotRun(f"did not answer within {STARTING} s")


def kit_results(endpoint: str) -> list[dict[str, Any]]:
    """Return the verdicts of the kit, from the user's command."""
    command = [sys.executable, "-m", "cronstack_infra.cli", "conformance", "--endpoint", endpoint, "--json"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    try:
        done = bound.run(command, capture_output=True, text=True, timeout=ASKING, env=environment, cwd=ROOT)
    except subprocess.TimeoutExpired:
        raise CannotRun(f"the kit did not end within {ASKING} s") from None
    if done.returncode not in (0, 1) or not done.stdout.startswith("["):
        raise CannotRun(f"the kit failed: {done.stderr.strip()[-200:]}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


SUBJECTS = {
    f"Cronstack {version('cronstack')}": cronstack,
    f"MiniStack {MINISTACK}": ministack,
    f"moto {version('moto')}": moto,
}


def table(results: dict[str, list[dict[str, Any]] | str]) -> str:
    """Return a Markdown table: a line for each count, a column for each of the three."""
    lines = [f"| | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]

    def line(title: str, count: Any) -> None:
        cells = [count(rows) if isinstance(rows, list) else rows for rows in results.values()]
        lines.append(f"| {title} | {' | '.join(cells)} |")

    titles = {"scheduler": "Scheduler", "lambda": "Lambda", "sqs": "SQS"}
    for part, title in titles.items():
        line(f"{title}: refused with AWS's error", lambda rows, part=part: counted(rows, part, "as on AWS"))
    line("refused, with another error", lambda rows: counted(rows, None, "another error"))
    line("**accepted, where AWS refuses**", lambda rows: counted(rows, None, "accepted"))
    line("no answer, or one that cannot be read", lambda rows: counted(rows, None, "no answer"))
    line("nearest valid neighbour accepted and read back", neighbours)
    for name in [row["row"] for row in next(r for r in results.values() if isinstance(r, list)) if behaves(row)]:
        line(f"{name}: {expected(results, name)}", lambda rows, name=name: seen(rows, name))
    return "\n".join(lines)


def behaves(row: dict[str, Any]) -> bool:
    return bool(row["service"] == "behaviour")


def counted(rows: list[dict[str, Any]], part: str | None, refusal: str) -> str:
    calls = [row for row in rows if not behaves(row) and part in (None, row["service"])]
    return f"{sum(row['refusal'] == refusal for row in calls)} of {len(calls)}"


def neighbours(rows: list[dict[str, Any]]) -> str:
    calls = [row for row in rows if not behaves(row)]
    return f"{sum(row['neighbour'] == 'accepted' for row in calls)} of {len(calls)}"


def expected(results: dict[str, list[dict[str, Any]] | str], name: str) -> str:
    rows = next(rows for rows in results.values() if isinstance(rows, list))
    return next(str(row["expected"]) for row in rows if behaves(row) and row["row"] == name)


def seen(rows: list[dict[str, Any]], name: str) -> str:
    (row,) = [row for row in rows if behaves(row) and row["row"] == name]
    seen = row["got"] if row["got"] != row["expected"] else "yes"  # any answer is right where AWS documents none
    return (seen if row["same"] else f"no: {row['got']}")[:64].replace("|", "/")


def main() -> None:
    results: dict[str, list[dict[str, Any]] | str] = {}
    for name, started in SUBJECTS.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            with started() as endpoint:
                results[name] = kit_results(endpoint)
        except CannotRun as why:
            results[name] = str(why)
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, boto3 {version('boto3')}, without Docker\n")
    print(table(results))
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(results, indent=2), "utf-8")


if __name__ == "__main__":
    main()
