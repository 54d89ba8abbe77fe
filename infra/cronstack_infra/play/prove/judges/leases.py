"""Leases: one holder at a time, and only the holder changes what it holds (I3, I3b, I4)."""

from __future__ import annotations

from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import LedgerState, RunChange
from cronstack_infra.play.prove.log.records import AttemptRecord, InvocationRecord


class Leases(Judge):
    """The judge of claims, renewals and releases, of the job's lease and of runs that need none, and of checkpoints."""

    def lease_claimed(self, invocation: InvocationRecord, holder: str, fence: int) -> None:
        job = self.log.job
        if fence <= job.fence:
            self.violated("I3", f"the fence went from {job.fence} to {fence}")
        self._check_free(invocation, job.lease_holder, holder)

    def claimed(self, change: RunChange) -> None:
        run, item = change.run, change.after
        if self.log.needs_no_lease(run):
            if item["fence"] <= run.fence:
                self.violated("I3", f"the fence of {run.occurrence} went from {run.fence} to {item['fence']}")
            self._check_free(change.invocation, run.open, item["holder"])

    def _check_free(self, invocation: InvocationRecord, lease_holder: AttemptRecord | None, holder: str) -> None:
        """Check that a holder loses its lease only after the lease's end, by the true time; also a dead holder."""
        if lease_holder is None or lease_holder.settled is not None or lease_holder.holder == holder:
            return
        if (left := lease_holder.expires - self.log.world.now) >= 0:
            self.violated(
                "I3", f"{invocation.name} took the lease of {lease_holder.sandbox.name}, which ends in {left} ms"
            )

    def committed(self, ledger_state: LedgerState) -> None:
        if ledger_state.running != ([] if ledger_state.holder is None else [ledger_state.holder]):
            self.violated("I3b", f"the lease names {ledger_state.holder}, but {ledger_state.running} is running")

    def lease_released(self, invocation: InvocationRecord, holder: str) -> None:
        if holder != invocation.holder:
            self.violated("I4", f"{invocation.name} released the lease of {holder}")

    def lease_renewed(self, invocation: InvocationRecord, lease_holder: AttemptRecord, expires: int) -> None:
        if lease_holder.holder != invocation.holder:
            self.violated("I4", f"{invocation.name} renewed the lease of {lease_holder.sandbox.name}")

    def changed_by_another(self, change: RunChange) -> None:
        if _keeps_event(change):
            return
        attempt, action = change.run.open, "changed" if change.new == "running" else "settled"
        of = attempt.sandbox.name if attempt else None
        self.violated("I4", f"{change.invocation.name} {action} the attempt of {of}")

    def settled(self, change: RunChange, attempt: AttemptRecord) -> None:
        if not self.log.needs_no_lease(change.run) and self.log.job.lease_holder is not attempt:
            self.violated("I4", f"{change.invocation.name} settled without the lease")

    def checkpoint_kept(self, change: RunChange, attempt: AttemptRecord) -> None:
        before, after = change.before, change.after
        if after["saves"] <= before.get("saves", 0):
            self.violated(
                "I4", f"{change.invocation.name} replaced checkpoint number {before['saves']} by an older one"
            )

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        if work.resume not in attempt.checkpoints:
            self.violated(
                "I4", f"{invocation.name} resumes {work.resume!r}, but {sorted(attempt.checkpoints)} was kept"
            )


def _keeps_event(change: RunChange) -> bool:
    """Return whether another delivery only stores its event in the row, in case this attempt dies."""
    before, after = change.before, change.after
    return all(after.get(name) == value for name, value in before.items()) and after.get("saves") == before.get("saves")
