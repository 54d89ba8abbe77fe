"""The observer's view of what was committed: each write that changed an item, judged against what it has noted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cronstack.occurrence import is_planned
from cronstack.rows import FINISHED
from cronstack.seam import Call
from cronstack_infra.play.prove.costs import kind_of
from cronstack_infra.play.prove.log import plain
from cronstack_infra.play.prove.promises import Promises
from cronstack_infra.play.prove.records import Attempt, Claimed, Invoked, RunRecord
from cronstack_infra.play.prove.world import EFFECTS, LEASE

if TYPE_CHECKING:
    from cronstack_infra.play.store import Change

FIRST_REST: Final = 60_000
OLD: Final = 15 * 86_400_000
"""Milliseconds of age beyond which a further attempt may come too late to be judged: it is dead early."""
LONGEST_REST: Final = 3_600_000
"""Milliseconds of back-off that a failed attempt is promised at least: doubled each time, up to the longest."""


class Commits(Promises):
    """Also: what is sent, and what an answer shows."""

    def asked(self, invoked: Invoked, call: Call) -> None:
        """A request is about to leave."""
        attempt = self.attempt_of(invoked)
        if call.operation == "SendMessage" and attempt is not None and attempt.settled == "dead":
            invoked.letters += 1
            if invoked.letters == 1 and invoked.clock() >= attempt.expires:
                self.violated("I6", f"{invoked.name} sends the letter when its lease is past")

    def carried_out(self, invoked: Invoked, call: Call, answer: Mapping[str, Any]) -> None:
        attempt = self.attempt_of(invoked)
        settles = any(one["Update"]["TableName"] == EFFECTS for one in call.parameters.get("TransactItems", ()))
        if settles or attempt is None or attempt.how != "works":  # else it is the handler's own checkpoint, or renewal
            invoked.spent[kind_of(call.operation, refused="Error" in answer)] += 1
        if call.operation == "SendMessage":
            self._posted(invoked, call.parameters["MessageBody"])
        elif call.operation == "CreateSchedule":
            self._armed(invoked, call.parameters)
        elif changes := self.world.store.changes:
            effects = [change for change in changes if change.key[0] == EFFECTS]
            for change in changes:
                if change.key == LEASE:
                    self._lease_changed(invoked, change)
            for change in changes:
                if change.key[0] == LEASE[0] and change.key != LEASE:
                    self._run_changed(invoked, change, commits=bool(effects))
            for change in effects:
                self._effect(invoked, change)
            if not self.alone and not self.touched:
                self._lease_and_runs_agree()
        invoked.saw_end = self.is_told(self.run(invoked.asked.occurrence))

    def _armed(self, invoked: Invoked, parameters: Mapping[str, Any]) -> None:
        event, own = json.loads(parameters["Target"]["Input"]), invoked.asked.event
        if event.get("revision") != own.get("revision"):
            self.plan_armed(invoked, event)
        elif all(event.get(name) == own.get(name) for name in ("scheduled", "occurrence", "generation")):
            marked = {name: value for name, value in own.items() if name != "carrier"}
            if {name: value for name, value in event.items() if name != "carrier"} != marked:
                self.violated("I8", f"{invoked.name} has another event carried than it was given")

    # -- the lease -----------------------------------------------------------------------------------------------------
    def _lease_changed(self, invoked: Invoked, change: Change) -> None:
        before, after = plain(change.before), plain(change.after)
        old, new = before.get("holder"), after.get("holder")
        if old is not None and new is None and old != invoked.holder:
            self.violated("I4", f"{invoked.name} released the lease of {old}")
        if new is not None and new != old:
            if after["fence"] <= self.job.fence:
                self.violated("I3", f"the fence went from {self.job.fence} to {after['fence']}")
            self.job.fence = after["fence"]
            self._over_whose_head(invoked, self.job.held, new)
        elif new is not None and before.get("expires") != after["expires"]:
            held = self.job.held
            if held is not None:
                self._renewed(invoked, held, after["expires"])

    def _renewed(self, invoked: Invoked, held: Attempt, expires: int) -> None:
        if held.holder != invoked.holder:
            self.violated("I4", f"{invoked.name} renewed the lease of {held.sandbox.name}")
        if expires < held.expires:
            self.violated("I6", f"{invoked.name} shortened its lease by {held.expires - expires} ms")
        held.expires = expires

    def _over_whose_head(self, invoked: Invoked, held: Attempt | None, holder: str) -> None:
        if held is None or held.settled is not None or held.holder == holder or not self.clocks_agree:
            return
        if not held.sandbox.ended and held.sandbox.clock() <= held.expires:
            left = held.expires - held.sandbox.clock()
            self.violated("I3", f"{invoked.name} took the lease of {held.sandbox.name}, who has {left} ms of it left")

    def _lease_and_runs_agree(self) -> None:
        items = self.world.store.items
        lease = items.get(LEASE, {})
        named = (lease["holder"]["S"], lease["occurrence"]["S"]) if "holder" in lease else None
        running, waiting = [], []
        for item in items.values():
            status = item["status"]["S"] if "status" in item and not is_planned(item["sk"]["S"][4:]) else ""
            if status == "running":
                running.append((item["holder"]["S"], item["sk"]["S"][4:]))
            elif status == "buffered":
                waiting.append(item["sk"]["S"][4:])
        if running != ([named] if named is not None else []):
            self.violated("I3b", f"the lease names {named}, running is {running}")
        slot = [lease["buffered"]["S"]] if "buffered" in lease else []
        if waiting != slot:
            self.violated("I13", f"the slot names {slot}, buffered is {waiting}")

    # -- runs ----------------------------------------------------------------------------------------------------------
    def _run_changed(self, invoked: Invoked, change: Change, *, commits: bool) -> None:
        run, before, after = self.run(change.key[1][4:]), plain(change.before), plain(change.after)
        old, new = before.get("status"), after.get("status")
        if old != new or before.get("holder") != after.get("holder"):
            self.world.count("transition", f"{old or 'none'} to {new}")
        if run.ended in FINISHED and before != after:
            broken = {"succeeded": "I2" if new == "running" else "I1"}.get(run.ended, "I12")
            self.violated(broken, f"{run.occurrence} had {run.ended}, and became {new}")
        if new == "running" and (old != "running" or before.get("attempt") != after["attempt"]):
            self._claimed(invoked, run, before, after)
        elif old == "running" and new == "crashed":
            run.close()
        elif old == "running" and new == "running":
            self._worked_on(invoked, run, before, after)
        elif old == "running":
            self._settled(invoked, run, str(new), after, commits=commits)
        elif old == "dead" and new == "dead":
            self._letter_claimed(invoked, run, before, after)
        elif new in ("skipped", "missed"):
            self._skipped(invoked, run, str(new), after)
        elif new == "buffered":
            run.waived = invoked.asked.by_operator
            if after.get("by") in self.attempts:
                return
            self.violated("I13", f"{run.occurrence} waits for {after.get('by')}, who never held the lease")

    def _claimed(self, invoked: Invoked, run: RunRecord, before: Mapping[str, Any], item: Mapping[str, Any]) -> None:
        if run.ended in ("skipped", "missed"):
            self.violated("I12", f"{run.occurrence} was {run.ended} and started")
        if run.ended == "dead" and invoked.asked.redrive != run.claims:
            self.violated("I17", f"nobody asked {invoked.name} to redrive attempt {run.claims} of {run.occurrence}")
        if before.get("status") == "retrying" and item["started"] < before["after"]:
            early = before["after"] - item["started"]
            self.violated("I11", f"attempt {run.claims + 1} of {run.occurrence} begins {early} ms before its time")
        alone = self.is_alone(run)
        if alone:
            if item["fence"] <= run.fence:
                self.violated("I3", f"the fence of {run.occurrence} went from {run.fence} to {item['fence']}")
            self._over_whose_head(invoked, run.open, item["holder"])
        run.claims += 1
        run.fence = item["fence"]
        if item["attempt"] != run.claims:
            self.violated("I11", f"{run.occurrence} was claimed {run.claims} times, its attempt is {item['attempt']}")
        if run.claims == 1:
            self._in_time(invoked, run, item)
            if not alone:
                self._starts_first(run)
        if run.claims == 1 or run.ended == "dead":
            run.limit = run.claims - 1 + self.limit
        if item["limit"] != run.limit:
            self.violated("I11", f"{run.occurrence} may have {run.limit} attempts, but {item['limit']} is stored")
        run.close()
        run.ended = None
        kept = frozenset((run.checkpoint, *run.late_checkpoints))
        attempt = Attempt(item["holder"], invoked, run, run.claims, item["fence"], item["expires"], kept)
        run.open = self.attempts[attempt.holder] = attempt
        if is_planned(run.occurrence):
            self.plan_begins(invoked, run)
        if not alone:
            if self.job.held is not None:
                self.job.held.lost = True
            self.job.held = attempt

    def _in_time(self, invoked: Invoked, run: RunRecord, item: Mapping[str, Any]) -> None:
        asked = invoked.asked
        late = item["started"] - asked.due > (self.start_deadline + self.mix.timeout) * 1000
        if late and not (asked.by_operator or run.waived) and not self.mix.has("clock steps"):
            self.violated("I12", f"{run.occurrence} began {item['started'] - asked.due} ms after it was due")

    def _worked_on(self, invoked: Invoked, run: RunRecord, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """A checkpoint, or a renewal without a lease."""
        attempt = run.open
        if attempt is None or attempt.holder != invoked.holder:
            self.violated("I4", f"{invoked.name} changed the attempt of {attempt.sandbox.name if attempt else None}")
            return
        if before.get("expires") != after["expires"]:
            self._renewed(invoked, attempt, after["expires"])
        if before.get("checkpoint") != after.get("checkpoint"):
            self.world.count("handler", "checkpoint kept")
            if after["saves"] <= before.get("saves", 0):
                self.violated("I4", f"{invoked.name} put an older checkpoint over number {before['saves']}")
            if invoked.clock() > attempt.expires:
                run.late_checkpoints.add(after["checkpoint"])
            else:
                run.checkpoint = after["checkpoint"]
                run.late_checkpoints.clear()

    def _settled(
        self, invoked: Invoked, run: RunRecord, status: str, item: Mapping[str, Any], *, commits: bool
    ) -> None:
        attempt = run.open
        if attempt is None or attempt.holder != invoked.holder:
            self.violated("I4", f"{invoked.name} settled the attempt of {attempt.sandbox.name if attempt else None}")
            return
        if not self.is_alone(run) and self.job.held is not attempt:
            self.violated("I4", f"{invoked.name} settled without the lease")
        early = status == "dead" and item.get("reason") == "RetriesExhausted" and attempt.number < run.limit
        if early and item["ended"] - invoked.asked.due < OLD:
            self.violated("I11", f"{run.occurrence} has no attempts left after {attempt.number} of {run.limit}")
        if status == "retrying":
            self._rests(invoked, run, attempt, item)
        worked = {"succeeded": "succeeded", "retrying": "failed"}.get(status)
        unfit = worked is not None and attempt.how != worked and not (status == "retrying" and attempt.how is None)
        if unfit and not (commits and status == "succeeded"):
            self.violated("I6", f"{run.occurrence} was recorded as {status}, but its handler {attempt.how}")
        attempt.settled = status
        if attempt in self.job.working:  # committed: what its handler still does is no work on this occurrence
            attempt.how = "succeeded"
            self.job.working.remove(attempt)
        run.close()
        run.ended = None if status == "retrying" else status
        if status == "dead":
            run.deaths.add(attempt.number)
            run.sender, run.told = attempt, False
        if not self.is_alone(run):
            self.job.held = None

    def _rests(self, invoked: Invoked, run: RunRecord, attempt: Attempt, item: Mapping[str, Any]) -> None:
        if attempt.number >= run.limit:
            self.violated("I11", f"{run.occurrence} wants a further attempt after {attempt.number} of {run.limit}")
        since_redrive = attempt.number - (run.limit - self.limit)
        least = min(LONGEST_REST, FIRST_REST * 2 ** (since_redrive - 1))
        if invoked.rests is not None or attempt.how is None:
            least = invoked.rests or 0
        if item["after"] - item["ended"] < least:
            rest = item["after"] - item["ended"]
            self.violated("I11", f"{run.occurrence} rests {rest} ms after attempt {attempt.number}, not {least}")

    def _effect(self, invoked: Invoked, change: Change) -> None:
        """A handler's own write, in its commit."""
        run = self.run(change.key[1])
        run.effects += 1
        self.world.count("handler", "effect committed")
        if run.ended != "succeeded" or run.effects != 1 or invoked.asked.occurrence != run.occurrence:
            self.violated("I5", f"{run.occurrence} is {run.ended}, and its effect was written {run.effects} times")

    def _letter_claimed(
        self, invoked: Invoked, run: RunRecord, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        if before.get("holder") != after["holder"]:
            if run.told:
                self.violated("I16", f"{invoked.name} claims the letter of {run.occurrence}, which is out and noted")
            if run.sender is not None and self.clocks_agree and run.sender.sandbox.clock() <= run.sender.expires:
                self.violated("I16", f"{invoked.name} and {run.sender.sandbox.name} both may send the letter")
            run.sender = Claimed(invoked, after["expires"])
        run.told = "reported" in after
        if run.told and not run.letters[run.claims]:
            self.violated("I16", f"the letter of {run.occurrence} is noted as sent, but was not")

    def _skipped(self, invoked: Invoked, run: RunRecord, status: str, item: Mapping[str, Any]) -> None:
        if run.claims:
            self.violated("I12", f"{run.occurrence} has started and was {status}")
        if status == "skipped" and (self.is_alone(run) or item.get("by") not in self.attempts):
            self.violated("I12", f"{run.occurrence} was skipped for {item.get('by')}, who never held the lease")
        late = self.world.now + 1000 - invoked.asked.due > self.start_deadline * 1000
        waived = invoked.asked.by_operator or run.waived
        if status == "missed" and (waived or not (late or not self.clocks_agree)):
            after = self.world.now - invoked.asked.due
            self.violated("I12", f"{run.occurrence} was missed {after} ms after its time")
        run.ended = status
        if is_planned(run.occurrence):
            self.plan_missed(invoked, run)
        if item.get("reason") == "slot_full":
            self.makes_way(run.occurrence)

    def makes_way(self, occurrence: str) -> None:
        """It ends, or comes later, for the sake of the occurrence in the slot."""
        for other in self.runs.values():
            if self.waits(other) and not (other.carriers or other.recorded):
                self.violated("I13", f"{occurrence} makes way for {other.occurrence}, but nothing brings that")

    def _starts_first(self, run: RunRecord) -> None:
        """Of two occurrences that have never started, the one in the slot starts first."""
        for other in self.runs.values():
            if other is not run and self.waits(other):
                self.violated("I22", f"{run.occurrence} starts, though {other.occurrence} waits in the slot")

    def waits(self, run: RunRecord) -> bool:
        """Whether it is buffered."""
        item = self.world.store.items.get((LEASE[0], f"run#{run.occurrence}"), {})
        return "status" in item and item["status"]["S"] == "buffered"

    def _posted(self, invoked: Invoked, body: str) -> None:
        letter = json.loads(body)
        about, condition = letter["cronstack"], letter["requestContext"]["condition"]
        if condition == "Refused":
            invoked.asked.refused = letter["responsePayload"]["errorType"]
            return
        run, attempt = self.run(about["occurrence"]), about["attempt"]
        if attempt not in run.deaths:
            self.violated("I16", f"a letter for attempt {attempt} of {run.occurrence}, which did not die of it")
        run.letters[attempt] += 1
        if self.one_letter and not run.hampered and run.letters[attempt] > 1:
            self.violated("I16", f"{run.letters[attempt]} letters for attempt {attempt} of {run.occurrence}")
