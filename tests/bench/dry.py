"""Cost of ``cronstack simulate --dry`` for a thousand jobs over a year, compared with five cron libraries.

    python -m tests.bench.dry [--days 7] [--rounds 5] [--only NAME,...] [--seed 1]

First it measures the whole dry simulation: overlaps, crowded minutes, concurrency. Then each library computes the
instants of the same jobs in UTC for the first days of the year (``--days 365`` takes an hour for the slow ones). All
instants are compared before they are timed. Each measurement is a new process, so nothing is warm. They take turns;
results are medians. CPU seconds are from the first parsed expression to the last instant, without imports.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from statistics import median
from typing import Any

from tests.bench.crons import LIBRARIES, SINCE, Fields, cronstack, generated
from tests.kit import bound

ROOT = Path(__file__).parents[2]
OURS, DRY = "Cronstack, instants", "Cronstack, --dry"
LONGEST = 3600
"""Time limit of a measurement in seconds."""


def main() -> None:
    options = arguments()
    if options.child:
        print(json.dumps(CHILDREN[options.child](options)))
        return
    names = [OURS, DRY, *(name for name in LIBRARIES if not options.only or name in options.only.split(","))]
    print(f"Python {python_version()}, {', '.join(f'{name} {version(name)}' for name in names if name in LIBRARIES)}\n")
    whole = [child("dry", options, days=365) for _ in range(options.rounds)]
    seconds, fires = median(result["seconds"] for result in whole), whole[0]["fires"]
    highest, before = (max(result[when] for result in whole) for when in ("peak", "base"))
    print(f"--dry, {options.jobs} jobs, one year: {fires:,} fires in {seconds:.2f} s, {fires / seconds:,.0f} fires/s;")
    print(f"peak memory of the process {highest:.0f} MB, {before:.0f} MB of them at the start.\n")
    compare(names, options)
    timed(names, options)


def compare(names: list[str], options: Any) -> None:
    """Exit if two libraries compute different instants."""
    results = {name: child("instants", options, contender=name, days=options.days) for name in names}
    first = results[OURS]
    for name, result in results.items():
        if result != first:
            sys.exit(f"{name} gives other instants than {OURS}: {result} and {first}")
    print(f"{options.jobs} jobs, {options.days} days, UTC: all give the same {first['fires']:,} instants.\n")


def timed(names: list[str], options: Any) -> None:
    rounds = [
        [child("timed", options, contender=name, days=options.days)["seconds"] for name in names]
        for _ in range(options.rounds)
    ]
    fires = child("timed", options, contender=OURS, days=options.days)["fires"]
    medians = dict(zip(names, map(median, zip(*rounds, strict=True)), strict=True))
    best = min(medians[name] for name in names if name in LIBRARIES)
    print(f"{'':24}{'seconds':>10}{'fires/s':>14}{'times the fastest library':>28}")
    for name, seconds in sorted(medians.items(), key=lambda pair: pair[1]):
        print(f"{name:24}{seconds:>10.3f}{fires / seconds:>14,.0f}{best / seconds:>28.2f}")


def child(task: str, options: Any, **more: Any) -> dict[str, Any]:
    """Return one measurement by a new process."""
    command = [sys.executable, "-m", "tests.bench.dry", "--child", task]
    for name, value in {"jobs": options.jobs, "seed": options.seed, **more}.items():
        command += [f"--{name}", str(value)]
    done = bound.run(command, cwd=ROOT, check=True, timeout=LONGEST, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def measure_dry(options: Any) -> dict[str, Any]:
    from cronstack_infra.play.dry import whatif  # noqa: F401  imports are not counted

    base = peak()
    fields = generated(options.jobs, options.seed)
    gc.collect()
    started = time.process_time()
    fires = answers(fields, options.days)
    return {"seconds": time.process_time() - started, "fires": fires, "peak": peak(), "base": base}


def answers(fields: list[Fields], days: int) -> int:
    """Run the whole dry simulation with typical policies and timeouts. Return the number of firings."""
    from cronstack import parse
    from cronstack_infra.play.dry.minutes import Span
    from cronstack_infra.play.dry.whatif import Case, JobTimetable, what_if

    policies, timeouts = ("skip", "buffer_one", "allow"), (30, 60, 120, 300, 900)
    jobs = [
        JobTimetable(f"job{n}", (parse(f"cron({each.aws()})"),), policies[n % 3], timeouts[n % 5])
        for n, each in enumerate(fields)
    ]
    result = what_if(jobs, Span(SINCE, SINCE + timedelta(days=days)), [Case("timeout", {})])
    return sum(result.firings.values())


def measure(options: Any) -> dict[str, Any]:
    if options.contender == DRY:
        return measure_dry(options)
    contender = LIBRARIES.get(options.contender, cronstack)
    fields, end = generated(options.jobs, options.seed), SINCE + timedelta(days=options.days)
    next(iter(contender(Fields("0", "0"))))  # imports are not counted
    limit = end.timestamp() if options.contender == "croniter" else end
    gc.collect()
    started, fires = time.process_time(), 0
    for each in fields:
        for moment in contender(each):
            if moment >= limit:  # type: ignore[operator]
                break
            fires += 1
    return {"seconds": time.process_time() - started, "fires": fires}


def instants(options: Any) -> dict[str, Any]:
    """Return a digest of the instants of all jobs."""
    end, fires, digest = (SINCE + timedelta(days=options.days)).timestamp(), 0, hashlib.sha256()
    for each in generated(options.jobs, options.seed):
        seconds = [*seconds_of(options.contender, each, end)]
        fires += len(seconds)
        digest.update(f"{each} {seconds}".encode())
    return {"fires": fires, "digest": digest.hexdigest()}


def seconds_of(contender: str, fields: Fields, end: float) -> Iterator[int]:
    if contender == DRY:
        from cronstack import parse
        from cronstack_infra.play.dry.minutes import Span, firings
        from tests.play.dry.bits import minutes_of

        span = Span(SINCE, datetime.fromtimestamp(end, SINCE.tzinfo))
        for minute in minutes_of(firings(parse(f"cron({fields.aws()})"), span, anchor=SINCE)):
            yield int(span.instant(minute).timestamp())
        return
    for moment in LIBRARIES.get(contender, cronstack)(fields):
        second = moment if isinstance(moment, float) else moment.timestamp()
        if second >= end:
            return
        yield int(second)


def peak() -> float:
    """Return the peak memory of this process in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)


def arguments() -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dry")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--child", choices=sorted(CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    return parser.parse_args()


CHILDREN = {"dry": measure_dry, "instants": instants, "timed": measure}

if __name__ == "__main__":
    main()
