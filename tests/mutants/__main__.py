"""``python -m tests.mutants [WORD]…``: show that each deliberate breakage of the guard violates an invariant.

Exit code 1 if a mutant survives, raises an exception, or is caught only by invariants that are not its own.
"""

from __future__ import annotations

import sys

from tests.mutants.catalogue import MUTANTS
from tests.mutants.hunt import hunt_all


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    count = 0
    for caught in hunt_all(chosen):
        count += caught.well
        sign = "caught " if caught.well else "MISSED "
        before = f" (earlier: {', '.join(caught.before)})" if caught.well and caught.before else ""
        print(f"{sign} seed {caught.seed:>5}  {caught.mutant.name:<62} {caught.text[:110]}{before}", flush=True)
    print(f"{count} of {len(chosen)} caught")
    return 0 if count == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
