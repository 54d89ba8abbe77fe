"""One simulated year in the life of a project: its jobs change, its stacks are deployed, and plans are always pending.

Every two weeks or so the project is deployed, after one of these changes, in an order drawn by the seed. All come
before one comes again, except that a change waits where there is nothing for it yet:

    update          a job's start deadline, so that its schedules and its function are updated
    remove          a job disappears from the code
    rename          a job disappears, and the same one appears under a new name
    declare again   a job that was removed is back
    drop once       code may not schedule a job any more
    move            a job disappears from one stack, and appears in another one
    roll back       a deploy with changes that fails, so that CloudFormation rolls it back
    second name     the same jobs are deployed under a second name
    give up         that stack gets no plans any more, and is deleted when it is empty
    retire          a removed job for which nothing waits is taken out of the lock file

Meanwhile the application plans keys at all jobs that it may schedule, moves some and cancels some. A deploy that the
stack refuses, because something waits for a removed job, is repeated with the override: the person was warned.

When the days are over, the cron jobs are deployed without their schedules, and what is planned comes due.

Every occurrence is expected to end (see ``account``). What a cron job must have run is counted from its timetable and
the times of the deploys alone.
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
"""Time after the year in which what is planned comes due."""
UNREAD: Final = timedelta(days=5)
"""The longest time for which nobody reads the dead letters; the queues keep them for 14 days."""
_MINUTES: Final = (0, 303, 302, 362, 363)
"""Added to the days from one deploy to the next, so that some deploys come while jobs run, wait or retry."""
_START: Final = {
    "remind": Declared(once=True),
    "bill": Declared(hour=6, once=True),
    "report": Declared(hour=5),
}
"""The jobs that a project begins with."""

Change = Callable[[Stack], Iterator[Stack]]
"""Changes the code of a stack, and yields each stack that is to be deployed then."""


def name_of(change: Change) -> str:
    """Return the name of a change in the table above."""
    return change.__name__.strip("_").replace("_", " ")


class Year:
    """One year by one seed."""

    def __init__(self, seed: int, cloud: VirtualCloud, folder: Path) -> None:
        self.account = Account()
        self.happened: Counter[str] = Counter()
        self._seed, self._cloud = seed, cloud
        self._chance: Random = seeded(seed)
        self._deploys = Deploys(cloud, App(folder), self.account)
        self._stacks: dict[str, Stack] = {}
        self._names: set[str] = set()
        """Of all stacks that there were."""
        self._removed: dict[str, dict[str, Declared]] = {}
        """Removed jobs, by stack."""
        self._pile: list[Change] = []
        """Changes that are still to come, before all of them come again."""
        self._keys = 0

    def play(self, days: int) -> None:
        """Play so many days, and then until everything that was planned has ended."""
        self._deploys.deploy(self._stack("shop", dict(_START)))
        self._deploys.deploy(self._stack("store", {"pack": Declared(hour=7, once=True)}))
        end = BEGIN + timedelta(days=days)
        while self._cloud.now < end:
            self._live(timedelta(days=self._chance.choice((6, 10, 15)), minutes=self._chance.choice(_MINUTES)))
            self._change()
        self._live(timedelta(days=2))
        for stack in self._stacks.values():
            self._deploys.close(stack)
            if stack.closing:  # CloudFormation updates no stack that it could not delete
                continue
            stack.closing = True
            stack.code = {job: one._replace(hour=None) for job, one in stack.code.items()}
            self._deploys.deploy(stack)
        for _ in range(AFTER.days // 10):
            self._cloud.advance(timedelta(days=10))
            self._take_stock()
        if second := self._stacks.get("shop2"):
            assert self._deploys.delete(second), "nothing waits there any more"
        self.happened += self._deploys.counted

    # -- between two deploys -------------------------------------------------------------------------------------------
    def _live(self, span: timedelta) -> None:
        """Let the application plan, move and cancel, while time passes."""
        end, read = self._cloud.now + span, self._cloud.now
        while self._cloud.now < end:
            if self._cloud.now - read > UNREAD:
                self._take_stock()
                read = self._cloud.now
            self._cloud.advance(min(end, self._cloud.now + timedelta(hours=self._chance.choice((7, 19, 31)))))
            for stack in self._stacks.values():
                if not stack.closing and self._chance.random() < 0.7:
                    self._plan(stack)
        self._take_stock()

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
        self.account.planned(stack.name, job, key)
        self.happened["planned"] += 1
        number = self._chance.random()
        if number < 0.1 and once.cancel(job, key).outcome == "cancelled":
            self.account.cancels(stack.name, job, key)
        elif number < 0.2:
            once.move(job, key, after=timedelta(hours=self._chance.choice((2, 400))))

    def _take_stock(self) -> None:
        """Read the cloud's events, and the letters in all queues."""
        events = self._cloud.events
        self.account.read(events, self._names)
        del events[:]
        for stack in self._stacks.values():
            self._letters(stack)

    def _letters(self, stack: Stack) -> None:
        for letter in list_letters(self._cloud.client("sqs"), stack.deployment(self._cloud), poll=0):
            if letter.occurrence:
                self.account.letter(stack.name, letter.job, letter.occurrence)

    # -- changes -------------------------------------------------------------------------------------------------------
    def _stack(self, name: str, code: dict[str, Declared]) -> Stack:
        made = self._stacks[name] = Stack(name, code, f"{self._seed:016x}")
        self._names.add(name)
        return made

    def _change(self) -> None:
        """Deploy the next change of the pile. One that the stack has nothing for stays in it for a later deploy."""
        stack = self._stacks[self._chance.choice(sorted(name for name, one in self._stacks.items() if not one.closing))]
        if not self._pile:
            self._pile = self.changes()
            self._chance.shuffle(self._pile)
        for change in list(self._pile):
            if self._carry_out(change, stack):
                self._pile.remove(change)
                return

    def _carry_out(self, change: Change, stack: Stack) -> bool:
        """Deploy what a change yields. Return whether there was anything to change."""
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
        """Those of the table above."""
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
        if jobs := [job for job, one in sorted(stack.code.items()) if one.once and one.hour is not None]:
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
        """Deploy a version without a job, with another one, and with a resource that AWS refuses; then go on."""
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
        """Plan nothing in the stack with the second name any more, and delete it when it is empty."""
        if second := self._stacks.get("shop2"):
            second.closing = True
            self._take_stock()
            if self._deploys.delete(second):
                del self._stacks["shop2"]
        yield from ()

    def _retire(self, stack: Stack) -> Iterator[Stack]:
        for job in sorted(stack.lock.jobs(PACKAGE)):
            if job not in stack.code and not self._deploys.waits(stack, [job]):
                stack.lock = stack.lock.without(PACKAGE, job)
                self._removed.get(stack.name, {}).pop(job, None)
                yield stack
                return

    def _take_out(self, stack: Stack, job: str) -> None:
        self._removed.setdefault(stack.name, {})[job] = stack.code.pop(job)


def play(seed: int, folder: Path, *, days: int = 365) -> Year:
    """Play a year and return it."""
    with VirtualCloud(BEGIN, seed=seed, rates=rates_of("crash=0.002,lost=0.002"), logs=False) as cloud:
        year = Year(seed, cloud, folder)
        year.play(days)
        return year
