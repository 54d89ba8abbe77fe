"""The situations of the benchmark of requests, for Cronstack's guard. Each prepares a ledger, then yields. The requests
after that are counted. They run the shipped runtime over its own transport, on the scene's clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from cronstack.declaration import Job, job
from cronstack.driver import carry_out, resume
from cronstack.event import operator_event
from cronstack.occurrence import print_time
from cronstack.run import Run
from cronstack.runtime import Invocation, Shell
from cronstack.settings import Settings
from cronstack.steps import Call, Sleep, Work
from cronstack.transport import Answer, Botocore
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.play.answer_dates import dated
from tests.tools.ledger import create_ledger

NOON = 4_102_488_000_000
"""2100-01-01T12:00:00Z: so late that no carrier fires during the benchmark."""
SECOND, MINUTE = 1_000, 60_000
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:bench-stats"
ROLE = "arn:aws:iam::123456789012:role/bench-carriers"
UNDELIVERED = "arn:aws:sqs:us-east-1:123456789012:bench-undelivered"
_NUMBERS = itertools.count(1)


class Broken(Exception):
    """The exception of the broken handler."""


def well(run: Run) -> str:
    return "done"


def broken(run: Run) -> None:
    raise Broken("no such file")


def saves(run: Run) -> None:
    run.checkpoint({"page": 7})


class Context:
    """Lambda's context, on the scene's clock."""

    invoked_function_arn = FUNCTION
    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, scene: Scene, seconds: float) -> None:
        self._scene, self._ends = scene, scene.now + int(seconds * 1000)

    def get_remaining_time_in_millis(self) -> int:
        return self._ends - self._scene.now


class Scene:
    """An empty ledger, and a clock that only this scene advances."""

    def __init__(self, cloud: LocalCloud) -> None:
        number = next(_NUMBERS)
        self.now = NOON
        self._botocore = Botocore()
        self.table = f"ledger-{number}"
        self.invoices = f"invoices-{number}"
        """Another table, of the job."""
        for name in (self.table, self.invoices):
            create_ledger(cloud.client("dynamodb"), name)
        queue = cloud.client("sqs").create_queue(QueueName=f"letters-{number}")["QueueUrl"]
        group = f"bench-{number}-carriers"
        cloud.client("scheduler").create_schedule_group(Name=group)
        self.shell = Shell(
            settings=Settings(self.table, queue, "bench", group, ROLE, UNDELIVERED),
            transport=self._ask,
            now=lambda: self.now,
            monotonic=lambda: self.now / 1000,
            sleep=self.sleep,
            write=lambda line: None,
        )

    def _ask(self, operation: str, parameters: Mapping[str, Any], timeout: float) -> Answer:
        return dated(self._botocore(operation, parameters, timeout), self.now)

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)

    def start(
        self, handler: Callable[[Run], object], due: int = NOON, event: Mapping[str, Any] | None = None, **policy: Any
    ) -> Invocation:
        of: Job = job(**({"name": "stats"} | policy))(handler)
        self.now = max(self.now, due)
        payload = event or {"cronstack": 1, "job": "stats", "scheduled": print_time(due), "input": {}}
        return Invocation(of, payload, Context(self, of.timeout), self.shell)

    def deliver(self, handler: Callable[[Run], object], due: int = NOON, **options: Any) -> None:
        """Deliver an event and run it to its end."""
        with suppress(Broken):
            self.start(handler, due, **options).work()

    def begin(self, due: int = NOON, **policy: Any) -> None:
        """Deliver an event and kill it in its handler."""
        steps = self.start(well, due, **policy).steps()
        request = resume(steps, None)
        while isinstance(request, Call | Sleep):
            request = resume(steps, carry_out(request, self.shell.transport, left=lambda: 60.0, sleep=self.sleep))
        assert isinstance(request, Work)
        steps.close()

    def long_after(self) -> None:
        """Advance the clock past any lease and any retry's back-off."""
        self.now += 20 * MINUTE


def prepare(cloud: LocalCloud) -> None:
    """Create the role, queue and function that the schedules of carriers name, once for all scenes."""
    import io
    import json
    import zipfile

    services = ["scheduler.amazonaws.com", "lambda.amazonaws.com"]
    statement = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("iam").create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=trust)
    cloud.client("sqs").create_queue(QueueName=UNDELIVERED.rpartition(":")[2])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    cloud.client("lambda").create_function(
        FunctionName=FUNCTION.rpartition(":")[2],
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": data.getvalue()},
    )


# -- the situations ----------------------------------------------------------------------------------------------------
Situation = Callable[[Scene], Generator[None, None, None]]


def a_clean_run(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(well)


def a_run_that_commits_one_write(scene: Scene) -> Iterator[None]:
    item = {"pk": {"S": "invoice"}, "sk": {"S": "1"}}
    yield
    scene.deliver(lambda run: run.commit({"Put": {"TableName": scene.invoices, "Item": item}}))


def a_run_with_one_checkpoint(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(saves)


def an_attempt_that_fails(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(broken)


def the_retry_of_a_failed_one(scene: Scene) -> Iterator[None]:
    scene.deliver(broken)
    scene.long_after()
    yield
    scene.deliver(well)


def a_duplicate_of_a_finished_one(scene: Scene) -> Iterator[None]:
    scene.deliver(well)
    yield
    scene.deliver(well)


def a_duplicate_of_a_running_one(scene: Scene) -> Iterator[None]:
    scene.begin()
    yield
    scene.deliver(well)


def another_while_it_runs_skip(scene: Scene) -> Iterator[None]:
    scene.begin()
    yield
    scene.deliver(well, NOON + SECOND)


def a_duplicate_of_a_skipped_one(scene: Scene) -> Iterator[None]:
    scene.begin()
    scene.deliver(well, NOON + SECOND)
    yield
    scene.deliver(well, NOON + SECOND)


def another_while_it_runs_buffer(scene: Scene) -> Iterator[None]:
    scene.begin(overlap="buffer_one")
    yield
    scene.deliver(well, NOON + SECOND, overlap="buffer_one")


def a_third_while_one_is_buffered(scene: Scene) -> Iterator[None]:
    scene.begin(overlap="buffer_one")
    scene.deliver(well, NOON + SECOND, overlap="buffer_one")
    yield
    scene.deliver(well, NOON + 2 * SECOND, overlap="buffer_one")


def a_clean_run_allow(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(well, overlap="allow")


def a_duplicate_of_a_finished_one_allow(scene: Scene) -> Iterator[None]:
    scene.deliver(well, overlap="allow")
    yield
    scene.deliver(well, overlap="allow")


def one_that_comes_too_late(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(well, NOON - 2 * 60 * MINUTE)


def one_that_was_killed_after_its_lease(scene: Scene) -> Iterator[None]:
    scene.begin()
    scene.long_after()
    yield
    scene.deliver(well)


def the_next_after_one_was_killed(scene: Scene) -> Iterator[None]:
    scene.begin()
    scene.long_after()
    yield
    scene.deliver(well, NOON + MINUTE)


def the_last_attempt_that_fails(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(broken, retries=0)


def a_redrive_of_a_dead_one(scene: Scene) -> Iterator[None]:
    scene.deliver(broken, retries=0)
    yield
    event = operator_event("stats", "redrive", due=NOON, requested=scene.now, input={}, redrive=1)
    scene.deliver(well, event=event)


SITUATIONS: tuple[Situation, ...] = (
    a_clean_run,
    a_run_that_commits_one_write,
    a_run_with_one_checkpoint,
    an_attempt_that_fails,
    the_retry_of_a_failed_one,
    a_duplicate_of_a_finished_one,
    a_duplicate_of_a_running_one,
    another_while_it_runs_skip,
    a_duplicate_of_a_skipped_one,
    another_while_it_runs_buffer,
    a_third_while_one_is_buffered,
    a_clean_run_allow,
    a_duplicate_of_a_finished_one_allow,
    one_that_comes_too_late,
    one_that_was_killed_after_its_lease,
    the_next_after_one_was_killed,
    the_last_attempt_that_fails,
    a_redrive_of_a_dead_one,
)
