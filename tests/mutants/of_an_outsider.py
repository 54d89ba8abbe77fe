"""Written by somebody who had read the guard and its promises, and neither the proof nor these tests."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS = (
    Mutant(
        "a commit counts before it is judged",
        "attempt.py",
        "        if isinstance(answer, Refused):\n"
        "            yield from self._judge(answer, ours=1 if delivery.alone else 2)\n"
        "        self.committed = True\n",
        "        self.committed = True\n"
        "        if isinstance(answer, Refused):\n"
        "            yield from self._judge(answer, ours=1 if delivery.alone else 2)\n",
        ("I8",),
    ),
    Mutant(
        "hops are not counted from the first",
        "deferral.py",
        "    hop = 0 if of.hop is None else of.hop + 1\n"
        "    name = carrier.name(of.job, of.id, carrier.kind_of(terms.event), holder, hop)\n",
        "    hop = of.hop + 1 if of.hop else 0\n"
        "    name = carrier.name(of.job, of.id, carrier.kind_of(terms.event), holder, hop)\n",
        ("I8",),
    ),
    Mutant(
        "an own settlement that is recognised ends it there",
        "guard.py",
        "    if run is not None and run.holder == delivery.holder and run.status == status:\n        return None\n",
        "    if run is not None and run.holder == delivery.holder and run.status == status:\n"
        "        return Outcome(status)\n",
        ("I8", "I16"),
    ),
    Mutant(
        "a checkpoint is handed on after a crash only",
        "claim.py",
        '    kept = ("", 0) if run is None else (run.checkpoint, run.saves)\n',
        '    kept = (run.checkpoint, run.saves) if run is not None and run.status == "running" else ("", 0)\n',
        ("I4",),
    ),
    Mutant(
        "a dead run's letter is claimed over any holder",
        "ledger.py",
        '    condition = f"{UNREPORTED} AND #holder = :run_holder AND #expires = :ends"\n',
        "    condition = UNREPORTED\n",
        ("I16",),
    ),
    Mutant(
        "the letter is sent within the dead holder's lease",
        "letters.py",
        "report(delivery, found._replace(expires=expires), found.reason)",
        "report(delivery, found, found.reason)",
        ("I9", "I16"),
    ),
    Mutant(
        "a redrive leaves the note that the letter is out",
        "ledger.py",
        '        change += ", #limit = :limit REMOVE #ended, #reason, #ttl, #reported"\n',
        '        change += ", #limit = :limit REMOVE #ended, #reason, #ttl"\n',
        ("I9", "I16"),
    ),
    Mutant(
        "the start asks for Lambda's time alone",
        "guard.py",
        "    return delivery.host.now() < latest and delivery.host.left() >= delivery.enough\n",
        "    return latest > 0 and delivery.host.left() >= delivery.enough\n",
        ("I6",),
    ),
    Mutant(
        "an adopted claim has the fence that was asked for last",
        "claim.py",
        "    return Grant(run.attempt, run.limit, of.fence, of.expires, run.checkpoint, run.saves)\n",
        "    return Grant(run.attempt, run.limit, max(of.fence, delivery.floor), of.expires, "
        "run.checkpoint, run.saves)\n",
        ("I6",),
    ),
    Mutant(
        "a redrive is given no further attempts",
        "ledger.py",
        '    return run.attempt + limit if run.status == "dead" else run.limit\n',
        '    return run.limit if run.status != "retrying" else max(run.limit, limit)\n',
        ("I11",),
    ),
    Mutant(
        "the letter is noted before it is sent",
        "letters.py",
        "    yield from post(terms.dead_letters, terms.letter(condition, run.attempt, "
        "run.error), delivery.host, reserve=reserve)\n"
        "    job, occurrence = terms.occurrence.job, terms.occurrence.id\n"
        "    noted = ledger.reported(terms.table, job, occurrence, delivery.holder, "
        "delivery.host.now())\n"
        "    answer = yield from send(noted, delivery.host, reserve=TIME_TO_TELL)\n",
        "    job, occurrence = terms.occurrence.job, terms.occurrence.id\n"
        "    noted = ledger.reported(terms.table, job, occurrence, delivery.holder, "
        "delivery.host.now())\n"
        "    answer = yield from send(noted, delivery.host, reserve=TIME_TO_TELL)\n"
        "    yield from post(terms.dead_letters, terms.letter(condition, run.attempt, "
        "run.error), delivery.host, reserve=reserve)\n",
        ("I16",),
    ),
)
