"""One simulated year of a project: its jobs change, its stacks are deployed, and plans are always pending.

About every two weeks the project is deployed after one of these changes. The seed shuffles them. Each comes before
any is repeated; a change that is not possible yet is postponed:

    update          a job's start deadline, so that its schedules and its function are updated
    remove          a job is removed from the code
    rename          a job gets a new name
    declare again   a removed job is declared again
    drop once       code may no longer schedule a job
    move            a job moves from one stack to another
    roll back       a deploy with changes fails, so that CloudFormation rolls it back
    second name     the same jobs are deployed under a second name
    give up         that stack gets no more plans, and is deleted when it is empty
    retire          a removed job for which nothing waits is removed from the lock file

Meanwhile the application plans keys for all jobs that it may schedule, and moves and cancels some. If the stack
refuses a deploy because something waits for a removed job, the deploy is repeated with the override.

At the end, the cron jobs are deployed without their schedules, and all plans come due.

Every occurrence must end (see ``account``). The expected occurrences of a cron job are computed from its timetable
and the times of the deploys alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from cronstack.entropy import seeded
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.onetime import once_of, wirings
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.handlers.faults import parse as rates_of
from tests.life.account import Account
from tests.life.app import PACKAGE, App
from tests.life.code import Declared
from tests.life.deploys import Deploys, Stack

BEGIN: Final = datetime(2027, 1, 4, tzinfo=UTC)
AFTER: Final = timedelta(days=75)
"""Time after the year in which the plans come due."""
UNREAD: Final = timedelta(days=5)
"""The longest time without reading the dead letters. The queues keep them for 14 days."""
_MINUTES: Final = (0, 303, 302, 362, 363)
"""Added to the days from one deploy to the next, so that some deploys come while jobs run, wait or retry."""
_START: Final = {
    "remind": Declared(once=True),
    "bill": Declared(hour=6, once=True),
    "report": Declared(hour=5),
}
"""The first jobs of a project."""

Change = Callable[[Stack], Iterator[Stack]]
"""A function that changes the code of a stack and yields each stack to deploy."""


def name_of(change: Change) -> str:
    """Return the name of a change in the table above."""
    return change.__name__.strip("_").replace("_", " ")


class Year:
    """One year with one seed."""

    def __init__(self, seed: int, cloud: VirtualCloud, folder: Path) -> None:
        self.account = Account()
        self.happened: Counter[str] = Counter()
        self._seed, self._cloud = seed, cloud
        self._chance: Random = seeded(seed)
        self._deploys = Deploys(cloud, App(folder), self.account)
        self._stacks: dict[str, Stack] = {}
        self._names: set[str] = set()
        """Names of all stacks so far."""
        self._removed: dict[str, dict[str, Declared]] = {}
        """Removed jobs, by stack."""
        self._pile: list[Change] = []
        """Changes that are not done yet in this round."""
        self._keys = 0

    def play(self, days: int) -> None:
        """Simulate some days, and then until all plans have ended."""
        self._deploys.deploy(self._stack("shop", dict(_START)))
        self._deploys.deploy(self._stack("store", {"pack": Declared(hour=7, once=True)}))
        end = BEGIN + timedelta(days=days)
        while self._cloud.now < end:
            self._pass_time(timedelta(days=self._chance.choice((6, 10, 15)), minutes=self._chance.choice(_MINUTES)))
            self._change()
        self._pass_time(timedelta(days=2))
        for stack in self._stacks.values():
            self._deploys.close(stack)
            if stack.closing:  # CloudFormation does not update a stack that it could not delete
                continue
            stack.closing = True
            stack.code = {job: declared._replace(hour=None) for job, declared in stack.code.items()}
            self._deploys.deploy(stack)
        for _ in range(AFTER.days // 10):
            self._cloud.advance(timedelta(days=10))
            self._read_events()
        if second := self._stacks.get("shop2"):
            assert self._deploys.delete(second), "nothing may wait there at the end"
        self.happened += self._deploys.counted

    # -- between two deploys -------------------------------------------------------------------------------------------
    def _pass_time(self, span: timedelta) -> None:
        """Advance the time, while the application plans, moves and cancels."""
        end, read = self._cloud.now + span, self._cloud.now
        while self._cloud.now < end:
            if self._cloud.now - read > UNREAD:
                self._read_events()
                read = self._cloud.now
            self._cloud.advance(min(end, self._cloud.now + timedelta(hours=self._chance.choice((7, 19, 31)))))
            for stack in self._stacks.values():
                if not stack.closing and self._chance.random() < 0.7:
                    self._plan(stack)
        self._read_events()

    def _plan(self, stack: Stack) -> None:
        deployment = stack.deployment(self._cloud)
        reached = wirings(deployment)
        if not reached:
            return
        job = self._chance.choice(sorted(reached))
        once = once_of(self._cloud.client, deployment)
        self._keys += 1
        key = f"key-{self._keys}"
        once.schedule(job, key=key, after=timedelta(hours=self._chance.choice((1, 30, 200, 700, 1500))))
        self.account.add_planned(stack.name, job, key)
        self.happened["planned"] += 1
        number = self._chance.random()
        if number < 0.1 and once.cancel(job, key).outcome == "cancelled":
            self.account.add_cancelled(stack.name, job, key)
        elif number < 0.2:
            once.move(job, key, after=timedelta(hours=self._chance.choice((2, 400))))

    def _read_events(self) -> None:
        """Read the cloud's events and the letters of all queues."""
        events = self._cloud.events
        self.account.read(events, self._names)
        del events[:]
        for stack in self._stacks.values():
            self._letters(stack)

    def _letters(self, stack: Stack) -> None:
        for letter in list_letters(self._cloud.client("sqs"), stack.deployment(self._cloud), poll=0):
            if letter.occurrence:
                self.account.add_letter(stack.name, letter.job, letter.occurrence)

    # -- changes -------------------------------------------------------------------------------------------------------
    def _stack(self, name: str, code: dict[str, Declared]) -> Stack:
        stack = self._stacks[name] = Stack(name, code, f"{self._seed:016x}")
        self._names.add(name)
        return stack

    def _change(self) -> None:
        """Deploy the next possible change of the pile. Impossible ones stay for a later deploy."""
        stack = self._stacks[
            self._chance.choice(sorted(name for name, stack in self._stacks.items() if not stack.closing))
        ]
        if not self._pile:
            self._pile = self.changes()
            self._chance.shuffle(self._pile)
        for change in list(self._pile):
            if self._apply(change, stack):
                self._pile.remove(change)
                return

    def _apply(self, change: Change, stack: Stack) -> bool:
        """Deploy the stacks that a change yields. Return whether there was anything to change."""
        attempts = self._deploys.counted.total()
        name = name_of(change)
        deployed = False
        for changed in change(stack):
            self._deploys.deploy(changed)
            deployed = True
        happened = deployed or self._deploys.counted.total() > attempts
        self.happened[name] += happened
        return happened

    def changes(self) -> list[Change]:
        """Return the changes of the table above."""
        return [
            *(self._update, self._remove, self._rename, self._declare_again, self._drop_once),
            *(self._move, self._roll_back, self._second_name, self._give_up, self._retire),
        ]

    def _update(self, stack: Stack) -> Iterator[Stack]:
        job = self._chance.choice(sorted(stack.code))
        stack.code[job] = stack.code[job]._replace(deadline=self._chance.choice((3600, 7200, 10_800)))
        yield stack

    def _remove(self, stack: Stack) -> Iterator[Stack]:
        if len(stack.code) > 1:
            self._take_out(stack, self._chance.choice(sorted(stack.code)))
            yield stack

    def _rename(self, stack: Stack) -> Iterator[Stack]:
        job = self._chance.choice(sorted(stack.code))
        stack.code[f"{job.partition('_')[0]}_{self.happened['rename'] + 2}"] = stack.code[job]
        self._take_out(stack, job)
        yield stack

    def _declare_again(self, stack: Stack) -> Iterator[Stack]:
        if removed := self._removed.get(stack.name):
            job = self._chance.choice(sorted(removed))
            stack.code[job] = removed.pop(job)
            yield stack

    def _drop_once(self, stack: Stack) -> Iterator[Stack]:
        if jobs := [job for job, declared in sorted(stack.code.items()) if declared.once and declared.hour is not None]:
            job = self._chance.choice(jobs)
            stack.code[job] = stack.code[job]._replace(once=False)
            yield stack

    def _move(self, stack: Stack) -> Iterator[Stack]:
        other = self._stacks["store" if stack.name == "shop" else "shop"]
        jobs = [job for job in sorted(stack.code) if job not in other.code]
        if len(stack.code) > 1 and jobs:
            job = self._chance.choice(jobs)
            other.code[job] = stack.code[job]
            yield other
            self._take_out(stack, job)
            yield stack

    def _roll_back(self, stack: Stack) -> Iterator[Stack]:
        """Deploy a version without one job, with a new one, and with a resource that AWS refuses."""
        code = dict(stack.code)
        if len(code) > 1:
            del code[self._chance.choice(sorted(code))]
        self._deploys.fail(stack, {**code, "passing": Declared(hour=4, once=True)})
        yield from ()

    def _second_name(self, stack: Stack) -> Iterator[Stack]:
        """Deploy the same jobs under a second name."""
        if "shop2" not in self._stacks:
            yield self._stack("shop2", dict(self._stacks["shop"].code))

    def _give_up(self, stack: Stack) -> Iterator[Stack]:
        """Stop planning in the stack with the second name, and delete it when it is empty."""
        if second := self._stacks.get("shop2"):
            second.closing = True
            self._read_events()
            if self._deploys.delete(second):
                del self._stacks["shop2"]
        yield from ()

    def _retire(self, stack: Stack) -> Iterator[Stack]:
        for job in sorted(stack.lock.jobs(PACKAGE)):
            if job not in stack.code and not self._deploys.leftovers(stack, [job]):
                stack.lock = stack.lock.without(PACKAGE, job)
                self._removed.get(stack.name, {}).pop(job, None)
                yield stack
                return

    def _take_out(self, stack: Stack, job: str) -> None:
        self._removed.setdefault(stack.name, {})[job] = stack.code.pop(job)


def play(seed: int, folder: Path, *, days: int = 365) -> Year:
    """Simulate a year and return it."""
    with VirtualCloud(BEGIN, seed=seed, rates=rates_of("crash=0.002,lost=0.002"), logs=False) as cloud:
        year = Year(seed, cloud, folder)
        year.play(days)
        return year
