"""Breaks a copy of the watchdog by a mutant, and plays histories with it in a process that imports the copy."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final

from tests.mutants.hunt import LONGEST, Caught, run_broken
from tests.mutants.mutant import Mutant
from tests.places import ROOT

SEEDS: Final = 300
"""Most seeds for a mutant."""
SCRIPT: Final = """
import json, sys
sys.path.append({root!r})
folder, seeds, faults, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(), sys.argv[4:]
import cronstack
from tests.cronstack.watchdog_simulation.history import play
assert cronstack.__file__.startswith(folder), "the copy was not imported"
violations = []
for seed in range(seeds):
    violations += [[seed, verdict.rule, verdict.text] for verdict in play(seed, "faults", only=faults).verdicts]
    if any(rule in wanted for _, rule, _ in violations):
        break
print(json.dumps(violations))
"""


def hunt(mutant: Mutant, seeds: int = SEEDS) -> Caught:
    """Play histories with the broken watchdog until a rule of the mutant is violated."""
    faults = mutant.switch or ""
    try:
        done = run_broken(mutant, SCRIPT.format(root=str(ROOT)), str(seeds), faults, *mutant.caught_by)
    except subprocess.TimeoutExpired:
        return Caught(mutant, -1, "", f"not done within {LONGEST} s")
    if done.returncode != 0:
        return Caught(mutant, -1, "", f"an exception, no violation: {done.stderr.strip().splitlines()[-1]}")
    violations = json.loads(done.stdout)
    others = tuple(dict.fromkeys(rule for _, rule, _ in violations if rule not in mutant.caught_by))
    own = [violation for violation in violations if violation[1] in mutant.caught_by]
    if not own:
        return Caught(mutant, -1, "", f"survived {seeds} seeds", others)
    seed, rule, text = own[0]
    return Caught(mutant, seed, rule, text, others)


def hunt_all(mutants: Sequence[Mutant]) -> Iterator[Caught]:
    """Hunt all mutants, two side by side."""
    with ThreadPoolExecutor(2) as pool:
        for done in as_completed([pool.submit(hunt, mutant) for mutant in mutants]):
            yield done.result()
