"""Times: no handler begins before its occurrence is due (I23)."""

from __future__ import annotations

from typing import Final

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import Row, RunChange
from cronstack_infra.play.prove.log.records import Attempt, Invoked

MARGIN: Final = 2_000
"""Milliseconds that two clocks of AWS may differ, as the guard takes it."""
UNSURE: Final = 1_000
"""Milliseconds by which the date of an answer is ahead at most."""


class Times(Judge):
    """Judges by the true time, whatever the clock of the sandbox says."""

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        if invoked.event.by_operator and raised is None and answer.get("reason") == "early":
            self.violated("I23", f"{invoked.name} lets an operator's event wait until it is due")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        self._is_due(invoked, "runs the handler")

    def passed_over(self, change: RunChange) -> None:
        self._is_due(change.invoked, f"records as {change.new}")

    def buffered(self, change: RunChange) -> None:
        self._is_due(change.invoked, "buffers")

    def _is_due(self, invoked: Invoked, does: str) -> None:
        event, early = invoked.event, invoked.event.due - self.log.world.now
        if early > MARGIN + UNSURE and not event.by_operator:
            self.violated("I23", f"{invoked.name} {does} {early} ms before {event.occurrence} is due")
