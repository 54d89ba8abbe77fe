"""``python -m tests.cronstack.watchdog_simulation [--seeds N] [--from S] [--kind quiet|faults] [--fault NAME]…``

Plays N quiet histories and N histories with faults. Prints one line for each violation, and how to replay its seed.
Exit code 1 if one was found. ``--replay S``: plays one seed and prints its story.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.cronstack.watchdog_simulation.faults.catalogue import FAULTS, SLOW_FAULTS
from tests.cronstack.watchdog_simulation.history import KINDS, Kind, Played, play

CHUNK = 50


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cronstack.watchdog_simulation")
    parser.add_argument("--seeds", type=int, default=300, help="histories of each kind")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only these kinds of histories")
    parser.add_argument(
        "--fault", choices=sorted({*FAULTS, *SLOW_FAULTS}), action="append", default=[], help="only these faults"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--replay", type=int, help="one seed, with its story")
    given = parser.parse_args(words)
    kinds: list[Kind] = given.kind or list(KINDS)
    if given.replay is not None:
        return _replay(given.replay, kinds, given.fault)
    failures = 0
    for kind in kinds:
        failures += _search(kind, given.first, given.seeds, given.fault, given.workers)
    return 1 if failures else 0


def _replay(seed: int, kinds: list[Kind], faults: list[str]) -> int:
    violations = 0
    for kind in kinds:
        played = play(seed, kind, only=faults, verbose=True)
        print(f"seed {seed}, {kind}: {played.passes} passes, {played.kills} of them died")
        print("\n".join(played.story))
        for verdict in played.verdicts:
            print(f"VIOLATION {verdict.rule}: {verdict.text}")
        violations += len(played.verdicts)
    return 1 if violations else 0


def play_some(first: int, count: int, kind: Kind, faults: list[str]) -> list[Played]:
    gc.disable()  # the cycles of one history are small, and are collected after the chunk
    played = [play(seed, kind, only=faults) for seed in range(first, first + count)]
    gc.collect()
    return played


def _search(kind: Kind, first: int, count: int, faults: list[str], workers: int) -> int:
    """Play the seeds of one kind. Return the number of histories with a violation."""
    began, planted, kills, passes, failures = time.monotonic(), Counter[str](), 0, 0, 0
    done = 0
    starts = range(first, first + count, CHUNK)
    sizes = [min(CHUNK, first + count - start) for start in starts]
    extra = "".join(f" --fault {fault}" for fault in faults)
    with ProcessPoolExecutor(workers) as pool:
        for results in pool.map(play_some, starts, sizes, [kind] * len(sizes), [faults] * len(sizes)):
            done += len(results)
            if done % 500 == 0:
                print(
                    f"{done} of {count} histories with {kind}, {failures} with violations", file=sys.stderr, flush=True
                )
            for played in results:
                planted.update(played.faults)
                kills, passes = kills + played.kills, passes + played.passes
                failures += bool(played.verdicts)
                for verdict in played.verdicts:
                    print(f"seed {played.seed} {kind}: {verdict.rule}: {verdict.text}")
                if played.verdicts:
                    replay = f"--kind {kind} --replay {played.seed}{extra}"
                    print(f"  replay: python -m tests.cronstack.watchdog_simulation {replay}", flush=True)
    seconds = time.monotonic() - began
    print(
        f"{count} histories with {kind} (seeds {first} to {first + count - 1}): {sum(planted.values())} faults planted,"
        f" {passes} passes, {kills} of them died; {failures} histories with violations;"
        f" {seconds:.0f} s, {count / seconds:.0f} histories a second"
    )
    for name, number in sorted(planted.items()):
        print(f"    {number:6} {name}")
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
