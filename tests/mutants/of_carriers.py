"""Breakages of what comes back later, of the slot, and of what a handler asks of the guard."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a failed attempt is acknowledged without its carrier",
        "guard.py",
        "    yield from arm(delivery, delivery.holder, after)\n",
        "",
        ("I8",),
    ),
    Mutant(
        "the carrier is left to a fault",
        "deferral.py",
        "    yield from send(call, delivery.host, reserve=TIME_TO_TELL)  # refused: it exists",
        "    yield call",
        ("I8",),
    ),
    Mutant(
        "acknowledged before the carrier exists",
        "deferral.py",
        "    yield from arm(delivery, holder, due)\n    return Outcome(status, reason=why)",
        "    if delivery.host.left() > 50:\n        return Outcome(status, reason=why)\n"
        "    yield from arm(delivery, holder, due)\n    return Outcome(status, reason=why)",
        ("I8", "I9"),
    ),
    Mutant(
        "a carrier is not made again",
        "deferral.py",
        "    yield from arm(delivery, holder, due)\n    return Outcome(status, reason=why)",
        "    if delivery.terms.occurrence.hop is None:\n        yield from arm(delivery, holder, due)\n"
        "    return Outcome(status, reason=why)",
        ("I8",),
    ),
    Mutant(
        "a carrier is made again under its own name",
        "deferral.py",
        "    hop = 0 if of.hop is None else of.hop + 1\n"
        "    name = carrier.name(of.job, of.id, carrier.kind_of(terms.event), holder, hop)",
        "    hop = of.hop or 0\n    name = carrier.name(of.job, of.id, carrier.kind_of(terms.event), holder, hop)",
        ("I8",),
    ),
    Mutant(
        "what waits for the lease is not carried",
        "deferral.py",
        'return (yield from defer(delivery, lease.holder or "", due, "held"))',
        'return Outcome("deferred", reason="held")',
        ("I8",),
    ),
    Mutant(
        "what is being worked is not carried",
        "deferral.py",
        "return (yield from defer(delivery, holder, after_lease(delivery, max(ends)), why))",
        'return Outcome("deferred", reason=why)',
        ("I8", "I9", "I16", "I17"),
    ),
    Mutant(
        "contention is acknowledged",
        "deferral.py",
        "            return (\n                yield from defer(delivery, delivery.holder, soon(delivery)",
        '            return Outcome("deferred", reason="contention") if chance >= 0 else (\n'
        "                yield from defer(delivery, delivery.holder, soon(delivery)",
        ("I8", "I14"),
    ),
    Mutant(
        "what rests is not carried",
        "deferral.py",
        'return (yield from defer(delivery, run.holder, run.after, "backoff"))',
        'return Outcome("deferred", reason="backoff")',
        ("I8",),
    ),
    Mutant(
        "the back-off is ignored",
        "admission.py",
        'return run is not None and run.status == "retrying" and now < run.after',
        "return False",
        ("I11",),
    ),
    Mutant(
        "the back-off does not grow",
        "guard.py",
        "knobs.backoff * 2 ** min(max(since_redrive, 1) - 1, 30)",
        "knobs.backoff",
        ("I11",),
    ),
    Mutant(
        "what the handler asks for is ignored",
        "guard.py",
        "failed.after if failed.after is not None else _backoff(delivery, grant)",
        "_backoff(delivery, grant)",
        ("I11",),
    ),
    Mutant(
        "the letter is sent, but not noted",
        "letters.py",
        "    answer = yield from send(noted, delivery.host, reserve=TIME_TO_TELL)\n    if isinstance(answer, Refused):",
        "    answer = noted\n    if isinstance(answer, Refused):",
        ("I9", "I16"),
    ),
    Mutant(
        "a commit is split: the effect, then the settlement",
        "attempt.py",
        'closing = delivery.closing("succeeded", result=result)._replace(writes=tuple(writes))',
        "from cronstack.seam import Call\n\n"
        '        first = Call("TransactWriteItems", {"TransactItems": list(writes)})\n'
        "        yield from send(first, delivery.host, reserve=TIME_TO_TELL)\n"
        '        closing = delivery.closing("succeeded", result=result)',
        ("I5",),
    ),
    Mutant(
        "a commit is split: the settlement, then the effect",
        "attempt.py",
        "        self.committed = True\n",
        "        self.committed = True\n"
        "        from cronstack.seam import Call\n\n"
        '        yield Call("TransactWriteItems", {"TransactItems": list(writes)})\n',
        ("I5",),
    ),
    Mutant(
        "a commit leaves out the settlement",
        "attempt.py",
        "        try:\n            answer = yield from send(call, delivery.host, reserve=TIME_TO_TELL)\n        except",
        '        call = call._replace(parameters={**call.parameters, "TransactItems": list(writes)})\n'
        "        try:\n            answer = yield from send(call, delivery.host, reserve=TIME_TO_TELL)\n        except",
        ("I5",),
    ),
    Mutant(
        "a commit without a fence",
        "ledger.py",
        "    return transaction(token, _close(closing), lease, further=closing.writes)",
        "    call = transaction(token, _close(closing), lease, further=closing.writes)\n"
        "    if closing.writes:\n"
        '        for action in call.parameters["TransactItems"][:2]:\n'
        '            action["Update"]["ConditionExpression"] = "attribute_exists(#v)"\n'
        '            action["Update"]["ExpressionAttributeNames"] |= {"#v": "v"}\n'
        "    return call",
        ("I1", "I4", "I5"),
    ),
    Mutant(
        "a refused commit is taken for done",
        "attempt.py",
        "raise CommitRefused(index, None if condition.item is None else dict(condition.item))",
        "return",
        ("I8", "I10", "I6"),
    ),
    Mutant(
        "an own commit is not recognised",
        "attempt.py",
        'if run is not None and run.holder == delivery.holder and run.status == "succeeded":\n                return',
        "if run is None:\n                return",
        ("I10",),
    ),
    Mutant(
        "the last checkpoint is not handed on",
        "claim.py",
        'kept = ("", 0) if run is None else (run.checkpoint, run.saves)',
        'kept = ("", 0)',
        ("I4",),
    ),
)
