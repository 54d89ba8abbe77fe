"""The base class of judges: a judge checks a few invariants on the log, and reports only those."""

from __future__ import annotations

from cronstack_infra.play.prove.log.listener import EventReceiver
from cronstack_infra.play.prove.log.log import Log


class Judge(EventReceiver):
    """A listener whose notifications see the records from before the change. It writes only the fields that name it."""

    def __init__(self, log: Log, invariants: frozenset[str]) -> None:
        super().__init__(log)
        self._invariants = invariants

    def violated(self, invariant: str, text: str) -> None:
        """Report a violation. Raise LookupError for an invariant of another judge."""
        if invariant not in self._invariants:
            raise LookupError(f"{type(self).__name__} judges {sorted(self._invariants)}, not {invariant}: see table.py")
        self.log.report(invariant, text)
