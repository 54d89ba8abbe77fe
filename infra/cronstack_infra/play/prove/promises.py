"""What code has scheduled, as the observer sees it: each key's history by commits, and what callers were told (I18-21).

A call is judged when it returns: what it says must have been true at some moment since it began. From then on its word
is kept or broken by what is committed and done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from cronstack.occurrence import is_planned, planned_id, print_time
from cronstack.planning import Plan
from cronstack.plans import Order
from cronstack.seam import Call
from cronstack_infra.play.prove.log import Log, plain
from cronstack_infra.play.prove.records import Invoked, KeyRecord, Kind, RunRecord, State

if TYPE_CHECKING:
    from cronstack_infra.play.prove.world import World
    from cronstack_infra.play.store import Change, Key

LONG: Final = 20 * 60_000
"""Milliseconds after which a plan is left on any clock, however far that is off."""
OVER: Final = ("begun", "ended", "cancelled")


class Wish(NamedTuple):
    """What application code asks for."""

    what: Literal["schedule", "move", "cancel", "sweep"]
    order: Order = Order("", 0, "", {})
    """A move keeps the input that was planned."""
    replace: bool = False

    def is_met_by(self, state: State) -> bool:
        order = self.order
        same_time = state.due == order.due or (order.relative and state.asked == order.asked)
        return state.kind != "none" and same_time and (self.what == "move" or state.payload == order.payload)


class Caller:
    """Application code in the middle of a call, as the observer knows it."""

    def __init__(self, name: str, world: World, wish: Wish, *, offset: int = 0) -> None:
        self.name, self.world, self.wish, self.offset = name, world, wish, offset
        self.began = world.now
        self.since = 0
        """Where the key's history stood then."""
        self.wrote: set[int] = set()
        """Revisions that it has planned."""
        self.ended = self.returned = False

    def clock(self) -> int:
        return self.world.now + self.offset


class Promises(Log):
    """Also: what callers do and are told. Its part of what sandboxes do is asked for by ``Commits``."""

    # -- what callers do -----------------------------------------------------------------------------------------------
    def calls(self, caller: Caller) -> None:
        """It begins."""
        if caller.wish.what == "sweep":
            return
        caller.since = len(self.key(planned_id(caller.wish.order.key)).states) - 1

    def carried_out_for(self, caller: Caller, call: Call, answer: Mapping[str, Any]) -> None:
        if "Error" in answer:
            return
        if call.operation == "CreateSchedule":
            event = json.loads(call.parameters["Target"]["Input"])
            key = self.key(planned_id(event["key"]))
            key.made.add(event["revision"])
            if all(state.revision != event["revision"] for state in key.states):
                self.violated("I21", f"{caller.name} makes a schedule for {event['revision']}, not yet planned")
        for change in self.world.store.changes if call.operation == "UpdateItem" else ():
            self._plan_changed(caller, change)

    def _plan_changed(self, caller: Caller, change: Change) -> None:
        run, before, after = self.run(change.key[1][4:]), plain(change.before), plain(change.after)
        key = self.key(run.occurrence)
        old, new = before.get("status"), after.get("status")
        if old == new == "planned" and before["revision"] == after["revision"]:
            if before["event"] != after["event"] or ("confirmed" in before and "confirmed" not in after):
                self.violated("I20", f"{caller.name} has changed the plan, and not its revision")
            if "confirmed" in after and after["confirmed"] not in key.made:
                self.violated("I18", f"{caller.name} notes a schedule of {after['confirmed']} that was never made")
            return
        self.world.count("transition", f"{old or 'none'} to {new}")
        if caller.returned:
            self.violated("I19", f"{caller.name} has returned, and a request of its makes {old} {new} since")
        if key.now.kind in ("begun", "ended"):
            self.violated("I19", f"{caller.name} makes {new} what has {key.now.kind}")
        if new == "planned":
            self._planned(caller, key, run, after)
        elif new == "skipped":
            key.cancelled = key.now.revision
            key.states.append(key.now._replace(kind="cancelled"))
            run.ended = "skipped"
        else:
            self.violated("I19", f"{caller.name} has made {old} {new}")

    def _planned(self, caller: Caller, key: KeyRecord, run: RunRecord, item: Mapping[str, Any]) -> None:
        if item["revision"] <= key.now.revision:
            self.violated("I20", f"{caller.name} plans revision {item['revision']} after {key.now.revision}")
        if key.now.kind == "cancelled" and not caller.wish.replace:
            self.violated("I19", f"{caller.name} plans anew what was cancelled, without having said so")
        if key.now.kind == "none" and run.claims:  # the ledger has forgotten the run before it
            self.runs[run.occurrence] = run = RunRecord(run.occurrence, asked=run.asked, carriers=run.carriers)
        caller.wrote.add(item["revision"])
        key.states.append(State("planned", item["revision"], item["due"], item["payload"], item["asked"]))
        run.ended = None

    def dropped(self, caller: Caller, occurrence: str) -> None:
        """A schedule was deleted that had not fired, and will not."""
        self._is_brought(occurrence, f"{caller.name} deletes the last schedule")

    def _is_brought(self, occurrence: str, why: str) -> None:
        key, run = self.key(occurrence), self.run(occurrence)
        if key.now.kind == "planned" and key.stands and not (run.recorded or run.carriers):
            self.violated("I18", f"{why}: nothing brings revision {key.now.revision}, and {key.told} was told to stand")

    # -- what callers are told -----------------------------------------------------------------------------------------
    def told(self, caller: Caller, plan: Plan) -> None:
        """It has returned."""
        caller.returned = True
        wish, key = caller.wish, self.key(plan.occurrence)
        window = key.states[caller.since :]
        match plan.outcome:
            case "planned" | "moved" | "unchanged":
                self._stands(caller, key, plan, [one.revision for one in window if wish.is_met_by(one)])
            case "cancelled":
                self._was(caller, plan, "I19", window, ("cancelled",))
            case "too late":
                others = [one for one in window if one.revision not in caller.wrote]
                self._was(caller, plan, "I19", others, OVER if wish.what == "move" else OVER[:2])
            case "unknown":
                self._was(caller, plan, "I18", window, ("none",))

    def _stands(self, caller: Caller, key: KeyRecord, plan: Plan, revisions: list[int]) -> None:
        if not revisions:
            self.violated("I18", f"{caller.name} is told {plan.outcome!r}, and it never was so: {key.states}")
        # It knows of its own plan, or of the first that was as it wished; one like it may have come after a cancel.
        own = [revision for revision in revisions if revision in caller.wrote]
        key.told = max(key.told, max(own) if own else min(revisions))
        self._is_brought(plan.occurrence, f"{caller.name} is told {plan.outcome!r}")

    def _was(
        self, caller: Caller, plan: Plan, invariant: str, states: Iterable[State], kinds: tuple[Kind, ...]
    ) -> None:
        if all(one.kind not in kinds for one in states):
            self.violated(invariant, f"{caller.name} is told {plan.outcome!r}, and it never was so")

    def mended(self, caller: Caller, plan: Plan) -> None:
        """A sweep has seen to it."""
        if plan.confirmed:
            key = self.key(plan.occurrence)
            key.told = max(key.told, plan.revision)
            self._is_brought(plan.occurrence, f"{caller.name} has mended it")

    def swept(self, caller: Caller) -> None:
        """All that its maker had left long before it began must have its schedule now."""
        for occurrence, key in self.keys.items():
            revision = key.now.revision
            if key.now.kind == "planned" and revision + LONG < caller.began and revision not in key.made:
                self.violated("I21", f"{caller.name} has not found {occurrence}, left as revision {revision}")

    def refused(self, caller: Caller) -> None:
        """OnceConflict: the key stands for something else."""
        caller.returned = True
        wish = caller.wish
        window = self.key(planned_id(wish.order.key)).states[caller.since :]
        kinds = ("begun", "ended") if wish.replace else ("planned", "begun", "ended")
        cancelled = any(one.kind == "cancelled" for one in window) and not wish.replace
        if not cancelled and all(one.kind not in kinds or wish.is_met_by(one) for one in window):
            self.violated("I18", f"{caller.name} is told of a conflict, and there never was one")

    # -- what sandboxes do ---------------------------------------------------------------------------------------------
    def plan_begins(self, invoked: Invoked, run: RunRecord) -> None:
        """A claim was committed."""
        key, event = self.key(run.occurrence), invoked.asked.event
        state = key.now
        if state.kind in ("none", "cancelled"):
            self.violated("I19", f"{invoked.name} begins {run.occurrence}, where {state.kind} stands")
        if (event["revision"], invoked.asked.due) != (state.revision, state.due):
            self.violated("I20", f"{invoked.name} begins by revision {event['revision']}, planned is {state.revision}")
        if self.world.now < state.due:
            self.violated("I18", f"{invoked.name} begins {state.due - self.world.now} ms before its time")
        if state.kind == "planned":
            key.states.append(state._replace(kind="begun"))

    def plan_missed(self, invoked: Invoked, run: RunRecord) -> None:
        key, event = self.key(run.occurrence), invoked.asked.event
        if key.now.kind != "planned" or event["revision"] != key.now.revision:
            self.violated("I20", f"revision {event['revision']} of {run.occurrence} misses what stands: {key.now}")
        key.states.append(key.now._replace(kind="ended"))

    def plan_works(self, invoked: Invoked, run: RunRecord) -> None:
        """A handler begins."""
        if self.key(run.occurrence).now.kind != "begun":
            self.violated("I19", f"{invoked.name} runs the handler of what is {self.key(run.occurrence).now.kind}")

    def plan_armed(self, invoked: Invoked, event: Mapping[str, Any]) -> None:
        """A carrier is made for another revision than the delivery's own: it must be that plan's event."""
        key = self.key(invoked.asked.occurrence)
        if all((one.revision, print_time(one.due)) != (event["revision"], event["scheduled"]) for one in key.states):
            self.violated("I8", f"{invoked.name} has an event carried that nobody has planned: {event}")

    def is_owed(self, run: RunRecord, revision: int | None = None) -> bool:
        """Whether what is not final must be brought back by somebody: all but a plan that nobody relies on.

        ``revision``: of whoever is asked. What has begun by another one is not his to bring back.
        """
        if not is_planned(run.occurrence):
            return True
        key = self.key(run.occurrence)
        if key.now.kind == "begun":
            return revision in (None, key.now.revision)
        return key.now.kind == "planned" and key.stands

    # -- time passes ---------------------------------------------------------------------------------------------------
    def expired(self, gone: Iterable[Key]) -> None:
        """The ledger has forgotten these."""
        for key in gone:
            occurrence = key[1][4:]
            if occurrence in self.keys:
                record = self.keys[occurrence]
                if record.now.kind == "planned":
                    self.violated("I21", f"{occurrence} is forgotten before its time")
                record.cancelled = record.now.revision
                record.states.append(State("none", record.now.revision))

    def forsaken(self) -> list[str]:
        """Plans that are not final, told or not: what a sweep must find."""
        return [name for name, key in self.keys.items() if key.now.kind == "planned"]

    # -- the log -------------------------------------------------------------------------------------------------------
    def key(self, occurrence: str) -> KeyRecord:
        if occurrence not in self.keys:
            self.keys[occurrence] = KeyRecord()
        return self.keys[occurrence]
