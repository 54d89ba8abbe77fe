"""Find carriers that Cronstack cannot have created: they repeat, do not delete themselves, or did not fire.

Each job may create schedules in the group of carriers. Malicious code in a job could create a repeating schedule, which
stays after the job was repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cronstack.guard.carried import event_of, time_of
from cronstack.ledger.items import read_run
from cronstack.ledger.rows import FINISHED
from cronstack.ledger.run_requests import get_run
from cronstack.occurrence import Occurrence, print_time
from cronstack_infra.ops.ledger.reader import Reader
from cronstack_infra.ops.strays.groups import Groups, Seen
from cronstack_infra.ops.strays.stray import BY_HAND, DELETED, Stray

OLD: Final = 2 * 86_400_000
"""Milliseconds. Younger carriers are not checked, because each check costs a request."""


class Carriers:
    """The carriers of a stack. ``clock`` returns epoch milliseconds."""

    def __init__(self, groups: Groups, group: str, reader: Reader, ledger: str, clock: Callable[[], int]) -> None:
        self._groups, self._group, self._reader, self._ledger, self._clock = groups, group, reader, ledger, clock

    def find(self, seen: Seen) -> Iterator[Stray]:
        """Yield the invalid carriers. A carrier can be deleted if its occurrence is finished."""
        now = self._clock()
        old = {name: listed for name, listed in self._groups.list(self._group, seen).items() if now - listed.made > OLD}
        for name, got in self._groups.get_all(self._group, old):
            what = None if got is None else _fault(got, now)
            if what is None:
                continue
            event = event_of(got)
            job, key = ("", "") if event is None else (event.job, event.key)
            if event is not None and self._is_finished(event):
                yield Stray("carrier", job, key, name, old[name].made, what, DELETED, "delete")
            else:
                yield Stray("carrier", job, key, name, old[name].made, what, BY_HAND)

    def fix(self, stray: Stray) -> str:
        """Delete the carrier. Return the result as text."""
        self._groups.delete(self._group, stray.schedule)
        return "deleted"

    def _is_finished(self, event: Occurrence) -> bool:
        run = read_run(self._reader.get(get_run(self._ledger, event.job, event.id)))
        return run is not None and run.status in FINISHED


def _fault(got: Any, now: int) -> str | None:
    """Return the fault of a carrier; None for a carrier that waits for its time."""
    expression = str(got["ScheduleExpression"])
    if not expression.startswith("at("):
        return f"it repeats: {expression}. Cronstack creates no such carrier"
    if got.get("ActionAfterCompletion") != "DELETE":
        return "it does not delete itself after its time. Cronstack creates no such carrier"
    due = time_of(got)
    if due is not None and now - due > OLD:
        return f"its time was {print_time(due)}: it has not fired, or has not deleted itself"
    return None
