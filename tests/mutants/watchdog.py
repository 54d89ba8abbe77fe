"""Deliberate breakages of the watchdog, which its simulation must find: ``python -m tests.mutants.watchdog [WORD]…``

A separate catalogue, because another proof catches them. ``caught_by`` has rules of the simulation's judge.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.mutants.edit import Code
from tests.mutants.hunt import LONGEST, Caught, run_broken
from tests.mutants.mutant import Mutant
from tests.places import ROOT

SEEDS = 300
"""Most seeds of each kind for a mutant: those of the test."""
QUIET = "quiet"
"""Switch of a mutant that quiet histories show, too."""

SCRIPT = """
import json, sys
sys.path.append({root!r})
folder, seeds, kinds, wanted = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(), sys.argv[4:]
import cronstack
from tests.cronstack.watchdog_simulation.history import play
assert cronstack.__file__.startswith(folder), "the copy was not imported"
violations = []
for seed in range(seeds):
    for kind in kinds:
        violations += [[seed, verdict.rule, verdict.text] for verdict in play(seed, kind).verdicts]
    if any(rule in wanted for _, rule, _ in violations):
        break
print(json.dumps(violations))
"""


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "an open incident is opened again in each pass",
        "next_step",
        Code("row.fingerprint != finding.fingerprint", "row.fingerprint != finding.fingerprint or row.opened < now"),
        ("false alarm",),
    ),
    Mutant(
        "an incident is never cleared",
        "next_step",
        Code("row is None or not is_open or not judged", "True"),
        ("not cleared",),
    ),
    Mutant(
        "an incident is cleared without an all-clear",
        "next_step",
        Code("'' if superseded else 'clear'", "''"),
        ("not cleared",),
    ),
    Mutant(
        "a late occurrence that is missed has an all-clear",
        "next_step",
        Code("'' if superseded else 'clear'", "'clear'"),
        ("cleared",),
    ),
    Mutant(
        "a changed cause is not notified again",
        "next_step",
        Code("row.fingerprint != finding.fingerprint", "False"),
        ("silent",),
    ),
    Mutant(
        "a reminder in each pass",
        "next_step",
        Code("now - row.notified >= _SLOW.get(finding.cause, REMIND_AFTER)", "now > row.notified"),
        ("reminder",),
    ),
    Mutant(
        "no reminder",
        "next_step",
        Code("now - row.notified >= _SLOW.get(finding.cause, REMIND_AFTER)", "False"),
        ("reminder",),
    ),
    Mutant(
        "a reminder after an acknowledgement",
        "next_step",
        Code("not row.acked", "True"),
        ("reminder",),
    ),
    Mutant(
        "what a killed pass has left is not published",
        "next_step",
        Code("row is not None and row.pending", "row is not None and row.pending and row.opened == now"),
        ("silent", "not cleared"),
    ),
    Mutant(
        "a notification is recorded before it is published",
        "Notifier.settle",
        Code(
            """
            if step.publish:
                assert row is not None, "only a row has something pending"
                if not self._publish(row, step.publish):
                    return row
            item, ttl = step.item, 0
            if item.status == "cleared":
                ttl = (self._now + KEPT) // SECOND
            if not self._reading.write(write_incident(self._scene.ledger, item, ttl=ttl)):
                return row
            """,
            """
            item, ttl = step.item, 0
            if item.status == "cleared":
                ttl = (self._now + KEPT) // SECOND
            if not self._reading.write(write_incident(self._scene.ledger, item, ttl=ttl)):
                return row
            if step.publish:
                assert row is not None, "only a row has something pending"
                if not self._publish(row, step.publish):
                    return row
            """,
        ),
        ("silent", "not cleared", "reminder"),
    ),
    Mutant(
        "a failure of SNS counts as published",
        "Notifier._publish",
        Code("self.fault = self.fault or fault\nreturn False", "return True"),
        ("silent", "not cleared"),
    ),
    Mutant(
        "an occurrence is late before its window has ended",
        "Limits.of",
        Code("window + job.late_after * SECOND", "job.late_after * SECOND"),
        ("false alarm",),
    ),
    Mutant(
        "an occurrence is missed only a quarter of an hour later",
        "Limits.of",
        Code("window + job.start_deadline * SECOND + MARGIN", "window + job.start_deadline * SECOND + 8 * MARGIN"),
        ("silent", "slow"),
    ),
    Mutant(
        "the snapshot of the last pass is ignored",
        "read_text",
        Code("not at or fields.get('version') != VERSION", "True"),
        ("silent",),
    ),
    Mutant(
        "a new schedule is expected before the watchdog has seen it",
        "next_watches",
        Code("max(now, modified + MINUTE)", "modified - 60 * MINUTE"),
        ("false alarm",),
    ),
    Mutant(
        "keys that BatchGetItem leaves out are not read",
        "Reading.items",
        Code("answer.get('UnprocessedKeys', {}).get(self._scene.ledger, {}).get('Keys', [])", "[]"),
        ("false alarm", "silent", "cleared early"),
    ),
    Mutant(
        "each failed run is notified",
        "check",
        Code("len(streak) >= job.alert_after", "len(streak) >= 1"),
        ("false alarm",),
    ),
    Mutant(
        "a missed occurrence is started in each pass",
        "_to_start",
        Code("[one.due for one in missed if not one.too_late and not one.started]", "[one.due for one in missed if not one.too_late]"),
        ("runs",),
    ),
)


def hunt(mutant: Mutant, seeds: int = SEEDS) -> Caught:
    """Play histories with the broken watchdog until a rule of the mutant is violated."""
    kinds = mutant.switch or "faults"
    try:
        done = run_broken(mutant, SCRIPT.format(root=str(ROOT)), str(seeds), kinds, *mutant.caught_by)
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


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    count = 0
    for caught in hunt_all(chosen):
        count += caught.well
        sign = "caught " if caught.well else "MISSED "
        print(f"{sign} seed {caught.seed:>4}  {caught.mutant.name:<60} {caught.invariant}: {caught.text[:110]}", flush=True)
    print(f"{count} of {len(chosen)} caught")
    return 0 if count == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
