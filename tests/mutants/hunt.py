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
"""Most seeds for a mutant. The rarest violation, of a carrier with the event that a planner wrote, is in seed 4,655."""
LONGEST = 1200
"""Most seconds of a process."""

SCRIPT = """
import json, sys
import cronstack
from cronstack_infra.play.prove.seeds.search import play_some
folder, seeds, switch, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3] or None, sys.argv[4:]
assert cronstack.__file__.startswith(folder), "the copy was not imported"
violations = []
for seed in range(seeds):
    violations += [[each.seed, each.invariant, each.text] for each in play_some(seed, 1, switch=switch).violations]
    if violations and violations[-1][1] in wanted:
        break
print(json.dumps(violations))
"""


class Caught(NamedTuple):
    """The result of a mutant. ``invariant``: the violated one of its own, or "". ``text``: of the violation, or why."""

    mutant: Mutant
    seed: int
    invariant: str
    text: str
    before: tuple[str, ...] = ()
    """Other invariants that were violated in earlier seeds."""

    @property
    def well(self) -> bool:
        return self.invariant in self.mutant.caught_by


def hunt(mutant: Mutant, seeds: int = SEEDS) -> Caught:
    """Play seeds on the broken guard until one of the mutant's own invariants is violated.

    One breakage has many consequences, and a seed ends at the first one. Changes of the guard or the proof change which
    one that is. But the right invariant is still violated in some seed.
    """
    try:
        done = run_broken(mutant, SCRIPT, str(seeds), mutant.switch or "", *mutant.caught_by)
    except subprocess.TimeoutExpired:
        return Caught(mutant, -1, "", f"not done within {LONGEST} s")
    if done.returncode != 0:
        return Caught(mutant, -1, "", f"an exception, no violation: {done.stderr.strip().splitlines()[-1]}")
    violations = json.loads(done.stdout)
    if not violations:
        return Caught(mutant, -1, "", f"survived {seeds} seeds")
    others = tuple(dict.fromkeys(name for _, name, _ in violations if name not in mutant.caught_by))
    seed, invariant, text = violations[-1]
    if invariant in mutant.caught_by:
        return Caught(mutant, seed, invariant, text, others)
    seed, _, text = violations[0]
    wanted, only = " or ".join(mutant.caught_by), ", ".join(others)
    return Caught(mutant, seed, "", f"in {seeds} seeds {wanted} was not violated, only {only}; first {text}", others)


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
    """Hunt all mutants. Yield the results as they complete."""
    with ThreadPoolExecutor(side_by_side) as pool:
        for done in as_completed([pool.submit(hunt, mutant) for mutant in mutants]):
            yield done.result()
