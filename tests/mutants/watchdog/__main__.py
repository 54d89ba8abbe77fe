"""``python -m tests.mutants.watchdog [WORD]…``: show that the simulation finds each breakage of the watchdog.

Exit code 1 if a mutant survives, raises an exception, or is caught only by other rules than its own.
"""

from __future__ import annotations

import sys

from tests.mutants.watchdog.catalogue import MUTANTS
from tests.mutants.watchdog.hunt import hunt_all


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    count = 0
    for caught in hunt_all(chosen):
        count += caught.well
        sign = "caught " if caught.well else "MISSED "
        text = f"{caught.invariant}: {caught.text[:110]}"
        print(f"{sign} seed {caught.seed:>4}  {caught.mutant.name:<60} {text}", flush=True)
    print(f"{count} of {len(chosen)} caught")
    return 0 if count == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
