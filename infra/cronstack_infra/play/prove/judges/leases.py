"""Leases: one holder at a time, and only the holder changes what it holds (I3, I3b, I4)."""

from __future__ import annotations

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import RunChange, Standing
from cronstack_infra.play.prove.log.records import Attempt, Invoked


class Leases(Judge):
    """Judges claims, renewals and releases, of the job's lease and of runs that need none; checkpoints, too."""

    def lease_claimed(self, invoked: Invoked, holder: str, fence: int) -> None:
        job = self.log.job
        if fence <= job.fence:
            self.violated("I3", f"the fence went from {job.fence} to {fence}")
        self._is_free(invoked, job.held, holder)

    def claimed(self, change: RunChange) -> None:
        run, item = change.run, change.after
        if self.log.is_alone(run):
            if item["fence"] <= run.fence:
                self.violated("I3", f"the fence of {run.occurrence} went from {run.fence} to {item['fence']}")
            self._is_free(change.invoked, run.open, item["holder"])

    def _is_free(self, invoked: Invoked, held: Attempt | None, holder: str) -> None:
        """A holder loses its lease only when the lease is past, by the true time; also one that is dead by then."""
        if held is None or held.settled is not None or held.holder == holder:
            return
        if (left := held.expires - self.log.world.now) >= 0:
            self.violated("I3", f"{invoked.name} took the lease of {held.sandbox.name}, which has {left} ms of it left")

    def committed(self, standing: Standing) -> None:
        if standing.running != ([] if standing.holder is None else [standing.holder]):
            self.violated("I3b", f"the lease names {standing.holder}, running is {standing.running}")

    def lease_released(self, invoked: Invoked, holder: str) -> None:
        if holder != invoked.holder:
            self.violated("I4", f"{invoked.name} released the lease of {holder}")

    def lease_renewed(self, invoked: Invoked, held: Attempt, expires: int) -> None:
        if held.holder != invoked.holder:
            self.violated("I4", f"{invoked.name} renewed the lease of {held.sandbox.name}")

    def changed_by_another(self, change: RunChange) -> None:
        if _keeps_event(change):
            return
        attempt, what = change.run.open, "changed" if change.new == "running" else "settled"
        of = attempt.sandbox.name if attempt else None
        self.violated("I4", f"{change.invoked.name} {what} the attempt of {of}")

    def settled(self, change: RunChange, attempt: Attempt) -> None:
        if not self.log.is_alone(change.run) and self.log.job.held is not attempt:
            self.violated("I4", f"{change.invoked.name} settled without the lease")

    def checkpoint_kept(self, change: RunChange, attempt: Attempt) -> None:
        before, after = change.before, change.after
        if after["saves"] <= before.get("saves", 0):
            self.violated("I4", f"{change.invoked.name} put an older checkpoint over number {before['saves']}")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        if work.resume not in attempt.kept:
            self.violated("I4", f"{invoked.name} resumes {work.resume!r}; kept was {sorted(attempt.kept)}")


def _keeps_event(change: RunChange) -> bool:
    """Whether another delivery only leaves its event in the row, for what may happen to this attempt."""
    before, after = change.before, change.after
    return all(after.get(name) == value for name, value in before.items()) and after.get("saves") == before.get("saves")
