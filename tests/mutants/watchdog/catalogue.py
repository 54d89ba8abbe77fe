"""Deliberate breakages of the watchdog.

``caught_by`` has rules of the judge of its simulation. ``switch`` is the only fault that is planted, if few others show
the breakage.
"""

from __future__ import annotations

from tests.mutants.edit import Code
from tests.mutants.mutant import Mutant

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
        "failed",
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
        "failed",
    ),
    Mutant(
        "a missed occurrence is started in each pass",
        "_to_start",
        Code(
            "[one.due for one in missed if not one.too_late and not one.started]",
            "[one.due for one in missed if not one.too_late]",
        ),
        ("runs",),
        "lost",
    ),
)
