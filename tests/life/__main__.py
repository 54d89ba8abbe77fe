"""``python -m tests.life``: simulate years of deploys, one for each seed, and print the ends of all occurrences.

    python -m tests.life                   a whole year, of which CI simulates some months
    python -m tests.life --seeds 20        more years
    python -m tests.life --first 7         another year

Exit code 1 if an occurrence was lost, ran twice, or vanished without a dead letter.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.life.year import Year, play


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="python -m tests.life", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--days", type=int, default=365)
    chosen = options.parse_args(arguments)
    failed = 0
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        began = time.monotonic()
        with TemporaryDirectory() as folder:
            year = play(seed, Path(folder), days=chosen.days)
        failed += not _show(seed, year, time.monotonic() - began)
    return 1 if failed else 0


def _show(seed: int, year: Year, seconds: float) -> bool:
    """Print the result of a year. Return whether nothing was lost, dropped or run twice."""
    account = year.account
    deploys = ", ".join(f"{count} {what}" for what, count in sorted(year.happened.items()))
    ends = ", ".join(f"{count} {what}" for what, count in account.summary().most_common())
    print(f"seed {seed}: {deploys}")
    print(f"  {len(account.expected)} occurrences: {ends}   ({seconds:.0f} s)")
    for occurrence, why in account.lost().items():
        print(f"  lost: {occurrence.stack} {occurrence.job} {occurrence.occurrence}: {why}")
    for occurrence in account.twice():
        print(f"  twice: {occurrence.stack} {occurrence.job} {occurrence.occurrence}")
    for event in account.dropped:
        print(f"  dropped: {dict(event)}")
    return not (account.lost() or account.twice() or account.dropped)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
