"""Duration of ``cronstack list`` and ``next``, as ratios to ``python -c pass``.

    python -m tests.bench.cli_start

Each measurement is a whole process. The commands take turns; the result is the median of five.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROUNDS = 5
ROOT = Path(__file__).parents[2]
CLI = ["-m", "cronstack_infra.cli"]

PROGRAMS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import click'": ["-c", "import click"],
    "cronstack --help": [*CLI, "--help"],
    "cronstack list": [*CLI, "list"],
    "cronstack list --json": [*CLI, "list", "--json"],
    "cronstack next": [*CLI, "next"],
    "cronstack next --expression": [*CLI, "next", "--expression", "cron(0 6 * * ? *)", "--timezone", "Europe/Berlin"],
}


def seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    for arguments in PROGRAMS.values():
        seconds(arguments)  # byte-compiles
    rounds = [[seconds(arguments) for arguments in PROGRAMS.values()] for _ in range(ROUNDS)]
    medians = [median(column) for column in zip(*rounds, strict=True)]
    for name, took in zip(PROGRAMS, medians, strict=True):
        print(f"{name:32}{took * 1000:>8.0f} ms{took / medians[0]:>8.1f} x")


if __name__ == "__main__":
    main()
