"""Breakages of carriers, of the slot, and of a handler's calls of the guard."""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a failed attempt is acknowledged without its carrier",
        "_retry",
        Code("yield from arm(delivery, delivery.holder, after)", ""),
        ("I8",),
    ),
    Mutant(
        "a carrier is sent once, whatever the answer",
        "make_carrier",
        Code(
            "made = yield from send(build, host, reserve=reserve)",
            """
            yield build(0)
            return
            """,
        ),
        ("I8",),
    ),
    Mutant(
        "acknowledged before the carrier exists",
        "defer",
        Code(
            "yield from arm(delivery, holder, due)",
            """
            if delivery.host.left() > 50:
                return Outcome(status, reason=why)
            yield from arm(delivery, holder, due)
            """,
        ),
        ("I8", "I9"),
    ),
    Mutant(
        "a carrier is not made again",
        "defer",
        Code(
            "yield from arm(delivery, holder, due)",
            """
            if delivery.terms.occurrence.hop is None:
                yield from arm(delivery, holder, due)
            """,
        ),
        ("I8",),
    ),
    Mutant(
        "the next carrier has the same name",
        "arm",
        Code("0 if of.hop is None else of.hop + 1", "of.hop or 0"),
        ("I8",),
    ),
    Mutant(
        "an occurrence that waits for the lease has no carrier",
        "defer_waiting",
        Code("yield from defer(delivery, lease.holder or '', due, 'held')", "Outcome('deferred', reason='held')"),
        ("I8",),
    ),
    Mutant(
        "an event of a running occurrence has no carrier",
        "after_holder",
        Code(
            "yield from defer(delivery, holder, after_lease(delivery, max(ends)), why)",
            "Outcome('deferred', reason=why)",
        ),
        ("I8", "I9", "I16", "I17"),
    ),
    Mutant(
        "contention is acknowledged without a carrier",
        "defer_waiting",
        Code(
            """
            return (
                yield from defer(delivery, delivery.holder, soon(delivery) + int(2 * SECOND * chance), 'contention')
            )
            """,
            """
            return (
                Outcome('deferred', reason='contention')
                if chance >= 0
                else (
                    yield from defer(
                        delivery, delivery.holder, soon(delivery) + int(2 * SECOND * chance), 'contention'
                    )
                )
            )
            """,
        ),
        ("I8", "I14"),
    ),
    Mutant(
        "an event during the back-off has no carrier",
        "defer_waiting",
        Code("yield from defer(delivery, run.holder, run.after, 'backoff')", "Outcome('deferred', reason='backoff')"),
        ("I8",),
    ),
    Mutant(
        "the back-off is ignored",
        "_is_in_backoff",
        Code("run is not None and run.status == 'retrying' and time.now < run.after", "False"),
        ("I11",),
    ),
    Mutant(
        "the back-off does not grow",
        "_backoff",
        Code("knobs.backoff * 2 ** min(max(since_redrive, 1) - 1, 30)", "knobs.backoff"),
        ("I11",),
    ),
    Mutant(
        "the pause that the handler requests is ignored",
        "_retry",
        Code("failed.after if failed.after is not None else _backoff(delivery, grant)", "_backoff(delivery, grant)"),
        ("I11",),
    ),
    Mutant(
        "the letter is sent, but not recorded",
        "report",
        Code("yield from send(noted, delivery.host, reserve=delivery.reserve)", "noted"),
        ("I9", "I16"),
    ),
    Mutant(
        "a commit is split: the effect, then the settlement",
        "Attempt.commit",
        Code(
            "closing = delivery.closing('succeeded', result=result)._replace(writes=tuple(writes))",
            """
            from cronstack.steps import Call
            first = Call('TransactWriteItems', {'TransactItems': list(writes)})
            yield from send(first, delivery.host, reserve=TIME_TO_RAISE)
            closing = delivery.closing('succeeded', result=result)
            """,
        ),
        ("I5",),
    ),
    Mutant(
        "a commit is split: the settlement, then the effect",
        "Attempt.commit",
        Code(
            "self.committed = True",
            """
            self.committed = True
            from cronstack.steps import Call
            yield Call('TransactWriteItems', {'TransactItems': list(writes)})
            """,
        ),
        ("I5",),
    ),
    Mutant(
        "a commit leaves out the settlement",
        "Attempt.commit",
        Code(
            "call = run_requests.settle(closing, delivery.next_settle())",
            """
            call = run_requests.settle(closing, delivery.next_settle())
            call = call._replace(parameters={**call.parameters, 'TransactItems': list(writes)})
            """,
        ),
        ("I5",),
    ),
    Mutant(
        "a commit without a fence",
        "settle",
        Code(
            "return transaction(token, _close(closing), lease, further=closing.writes)",
            """
            call = transaction(token, _close(closing), lease, further=closing.writes)
            if closing.writes:
                for action in call.parameters['TransactItems'][:2]:
                    action['Update']['ConditionExpression'] = 'attribute_exists(#v)'
                    action['Update']['ExpressionAttributeNames'] |= {'#v': 'v'}
            return call
            """,
        ),
        ("I1", "I4", "I5"),
    ),
    Mutant(
        "a refused commit counts as done",
        "Attempt._judge",
        Code("raise CommitRefused(index, None if condition.item is None else dict(condition.item))", "return"),
        ("I8", "I10", "I6"),
    ),
    Mutant(
        "an own commit is not recognised",
        "Attempt._judge",
        Code("run is not None and run.holder == delivery.holder and run.status == 'succeeded'", "run is None"),
        ("I10",),
    ),
    Mutant(
        "the last checkpoint is not passed to the next attempt",
        "_granted",
        Code("('', 0) if run is None else (run.checkpoint, run.saves)", "('', 0)"),
        ("I4",),
    ),
)
