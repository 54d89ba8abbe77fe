"""The same situations for Powertools' ``@idempotent`` with its DynamoDB persistence layer, as in its documentation.

Its key is the occurrence's time. It has no jobs, overlaps, deadlines or dead letters; see ``INSTEAD``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

from cronstack_infra.local.client import LocalCloud

_NUMBERS = itertools.count(1)
EVENT, LATER = {"scheduled": "2100-01-01T12:00:00Z"}, {"scheduled": "2100-01-01T12:01:00Z"}


class Broken(Exception):
    """The exception of the broken handler."""


class Killed(BaseException):
    """A kill: Powertools does not catch BaseException, so none of its code runs afterwards."""


class Context:
    function_name = "bench"

    def __init__(self, left: int) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return self._left


class Scene:
    """An empty table."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.table = f"idempotency-{next(_NUMBERS)}"
        cloud.client("dynamodb").create_table(
            TableName=self.table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._layer = DynamoDBPersistenceLayer(table_name=self.table, boto3_client=boto3.client("dynamodb"))

    def deliver(
        self, event: dict[str, str] = EVENT, raises: type[BaseException] | None = None, left: int = 60_000
    ) -> None:
        def handler(event: dict[str, str], context: Any) -> str:
            if raises is not None:
                raise raises
            return "done"

        config = IdempotencyConfig(event_key_jmespath="scheduled")
        with suppress(Broken, Killed, IdempotencyAlreadyInProgressError):
            idempotent(handler, config=config, persistence_store=self._layer)(event, Context(left))


def clean(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver()


def fails(scene: Scene) -> Iterator[None]:
    yield
    scene.deliver(raises=Broken)


def retry(scene: Scene) -> Iterator[None]:
    scene.deliver(raises=Broken)
    yield
    scene.deliver()


def duplicate(scene: Scene) -> Iterator[None]:
    scene.deliver()
    yield
    scene.deliver()


def in_progress(scene: Scene) -> Iterator[None]:
    scene.deliver(raises=Killed)
    yield
    scene.deliver()


def another(scene: Scene) -> Iterator[None]:
    scene.deliver(raises=Killed)
    yield
    scene.deliver(LATER)


def killed(scene: Scene) -> Iterator[None]:
    scene.deliver(raises=Killed, left=0)
    yield
    scene.deliver()


INSTEAD: dict[str, tuple[Callable[[Scene], Iterator[None]], str]] = {
    "a_clean_run": (clean, ""),
    "an_attempt_that_fails": (fails, "deletes its record: no count, no history"),
    "the_retry_of_a_failed_one": (retry, ""),
    "a_duplicate_of_a_finished_one": (duplicate, ""),
    "a_duplicate_of_a_running_one": (in_progress, "raises: one of Lambda's tries is spent"),
    "another_while_it_runs_skip": (another, "runs over it"),
    "another_while_it_runs_buffer": (another, "runs over it"),
    "a_clean_run_allow": (clean, ""),
    "a_duplicate_of_a_finished_one_allow": (duplicate, ""),
    "one_that_comes_too_late": (clean, "runs it"),
    "one_that_was_killed_after_its_lease": (killed, ""),
    "the_next_after_one_was_killed": (another, ""),
    "the_last_attempt_that_fails": (fails, "deletes its record; Lambda writes the letter"),
    "a_redrive_of_a_dead_one": (retry, ""),
}
"""By the guard's situation: the situation for Powertools, and what it does instead."""
