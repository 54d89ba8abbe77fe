"""Breaks a copy of the runtime by a mutant, and runs the proof on it in a process that imports the copy."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from tests.kit import bound
from tests.mutants.breaking import SOURCE, break_one, runtime
from tests.mutants.mutant import Mutant
from tests.places import ROOT

SEEDS = 6000
"""The rarest, that a carrier brings what a planner wrote, is met by seed 4,655."""
LONGEST = 1200
"""Seconds a process may take."""

SCRIPT = """
import json, sys
import cronstack
from cronstack_infra.play.prove.seeds.search import play_some
folder, seeds, switch, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3] or None, sys.argv[4:]
assert cronstack.__file__.startswith(folder), "the copy was not imported"
told = []
for seed in range(seeds):
    told += [[one.seed, one.invariant, one.text] for one in play_some(seed, 1, switch=switch).violations]
    if told and told[-1][1] in wanted:
        break
print(json.dumps(told))
"""


class Caught(NamedTuple):
    """How a mutant fared. ``invariant`` is "" when none of its own told; ``text`` says how it was then."""

    mutant: Mutant
    seed: int
    invariant: str
    text: str
    before: tuple[str, ...] = ()
    """Other invariants that told in earlier seeds."""

    @property
    def well(self) -> bool:
        return self.invariant in self.mutant.caught_by


def hunt(mutant: Mutant, seeds: int = SEEDS) -> Caught:
    """Play seeds on the broken guard until one of the mutant's own invariants is violated.

    One breakage has many consequences, and a seed ends at the first of them. Which that is changes with every change of
    the guard or the proof; that the right one tells in one seed or another does not.
    """
    try:
        done = run_broken(mutant, SCRIPT, str(seeds), mutant.switch or "", *mutant.caught_by)
    except subprocess.TimeoutExpired:
        return Caught(mutant, -1, "", f"not done within {LONGEST} s")
    if done.returncode != 0:
        return Caught(mutant, -1, "", f"an exception, no violation: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    if not told:
        return Caught(mutant, -1, "", f"survived {seeds} seeds")
    others = tuple(dict.fromkeys(name for _, name, _ in told if name not in mutant.caught_by))
    seed, invariant, text = told[-1]
    if invariant in mutant.caught_by:
        return Caught(mutant, seed, invariant, text, others)
    seed, _, text = told[0]
    wanted, only = " or ".join(mutant.caught_by), ", ".join(others)
    return Caught(mutant, seed, "", f"in {seeds} seeds {wanted} never told, only {only}; first {text}", others)


def run_broken(mutant: Mutant, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script that imports a broken copy of the runtime. Its first argument is the copy's folder.

    Raise TimeoutExpired after ``LONGEST`` seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "cronstack")
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        broken = break_one(mutant, runtime())
        (copy / broken.path).write_text(ast.unparse(broken.module), encoding="utf-8")
        environ = os.environ | {
            "PYTHONPATH": os.pathsep.join((folder, str(ROOT / "infra"))),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return bound.run(
            [sys.executable, "-c", script, folder, *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )


def hunt_all(mutants: Sequence[Mutant], *, side_by_side: int = 2) -> Iterator[Caught]:
    """As they are caught."""
    with ThreadPoolExecutor(side_by_side) as pool:
        for done in as_completed([pool.submit(hunt, mutant) for mutant in mutants]):
            yield done.result()
