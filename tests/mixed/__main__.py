"""``python -m tests.mixed``: run seeds of the proof in which two versions of the code run at the same time.

    python -m tests.mixed                            the last commit with another runtime, and today's code
    python -m tests.mixed --since main~5             another revision, and today's code
    python -m tests.mixed --raised                   today's code, and the same with the next version of the items
    python -m tests.mixed --broken                   incompatible changes, each of which must violate an invariant
    python -m tests.mixed --replay 14 --shape deploy each step of one seed; --since or --raised as above
    python -m tests.mixed --seeds 20000 --processes 2

Exit code 1 if an invariant was violated; with --broken, if none was.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import as_completed

from cronstack_infra.play.prove.workers import workers
from tests.mixed.breaks import BREAKS, without_plans
from tests.mixed.loading import NoHistory, previous
from tests.mixed.mixing import Mixed, Pair, alone, mixed, play_one, raised, shape_of, since
from tests.mixed.rollouts import SHAPES

PORTION = 240
"""Seeds of one task of a process. Each shape of a deploy has an equal share of this number."""


def main(arguments: list[str]) -> int:
    chosen = _options().parse_args(arguments)
    if chosen.broken:
        return _show_broken(chosen.seeds)
    try:
        pair = raised() if chosen.raised else since(chosen.since or previous())
    except NoHistory as missing:
        print(f"There is no other version to run: {missing}. --raised needs no other version.")
        return 2
    if chosen.replay is not None:
        return _replay(pair, chosen.shape or shape_of(pair, chosen.replay), chosen.replay)
    print(f"before: {pair.before.name}   after: {pair.after.name}   deploys: {', '.join(pair.shapes)}")
    results = Mixed()
    for part in _parts(pair, chosen.first, chosen.seeds, chosen.processes):
        results.add(part)
    _show(pair, results)
    return 1 if results.violations else 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m tests.mixed", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--seeds", type=int, default=2000)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--processes", type=int, default=1)
    options.add_argument("--since", metavar="REVISION")
    options.add_argument("--raised", action="store_true")
    options.add_argument("--broken", action="store_true")
    options.add_argument("--replay", type=int, metavar="SEED")
    options.add_argument("--shape", choices=SHAPES)
    return options


def _parts(pair: Pair, first: int, seeds: int, processes: int) -> Iterator[Mixed]:
    portions = [range(begin, min(begin + PORTION, first + seeds)) for begin in range(first, first + seeds, PORTION)]
    if processes == 1:
        for portion in portions:
            yield mixed(pair, portion)
        return
    with workers(processes) as pool:
        for done in as_completed([pool.submit(mixed, pair, portion) for portion in portions]):
            yield done.result()


def _show(pair: Pair, results: Mixed) -> None:
    ran = ", ".join(f"{name} {times}" for name, times in sorted(results.by_code.items()))
    print(f"{results.seeds} seeds, {results.steps} steps; runs and calls by code: {ran}")
    print(f"{len(results.violations)} violations")
    for shape, verdict in results.violations[:5]:
        print(f"  seed {verdict.seed}, {shape}: {verdict.text}")
    if results.violations:
        shape, verdict = results.violations[0]
        which = "--raised" if pair == raised() else f"--since {pair.before.revision[:10]}"
        print(f"See all of it: python -m tests.mixed {which} --replay {verdict.seed} --shape '{shape}'")
        own = [
            str(verdict.seed)
            for verdict in alone(pair.before, [verdict.seed for _, verdict in results.violations[:20]])
        ]
        if own:
            print(f"The code before violates invariants also without a deploy: seeds {', '.join(own)}")


def _replay(pair: Pair, shape: str, seed: int) -> int:
    verdict = play_one(pair, shape, seed, Counter(), tracing=True)
    print("\n".join(verdict.trace))
    print(f"\n{verdict.text or 'No invariant was violated.'}")
    return 1 if verdict.invariant else 0


def _show_broken(seeds: int) -> int:
    missed = 0
    for change in BREAKS:
        violations = [verdict.text for _, verdict in mixed(change.pair, without_plans(seeds), stop=True).violations]
        own = [verdict.text for verdict in alone(change.before, without_plans(min(seeds, 200)))]
        missed += not violations or bool(own)
        first = violations[0] if violations else f"no violation in {seeds} seeds"
        print(f"{'caught' if violations else 'MISSED'}  {change.name}: {first}")
        if own:
            print(f"        it is not sound alone: {own[0]}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
