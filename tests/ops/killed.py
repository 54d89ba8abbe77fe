"""Clients of a command that is killed at its n-th request: before it takes effect, or after, with a lost answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import pytest
from moto import mock_aws
from moto.sqs.models import sqs_backends

from cronstack_infra.local.moto import privates
from cronstack_infra.ops.deployment import Clients
from tests.cronstack.stage import Stage
from tests.ops.shop import ACCOUNT_ID, Shop

NOT_REQUESTS: Final = ("meta", "exceptions")
READS: Final = ("get_", "list_", "query", "batch_get", "describe_", "receive_message", "change_message_visibility")
"""Operations that change nothing but the holds of letters."""
EVERY_KILL: Final = "CRONSTACK_EVERY_KILL"
SHARES: Final = 2
"""Parts of the kills of one command: each is a test of its own, so that no test takes long."""


class Killed(BaseException):
    """The process of the command was killed. No ``except Exception`` catches it."""


class Dying:
    """Clients that work until their n-th request. No later request is sent, as from a process that is gone."""

    def __init__(self, clients: Clients, at: int, *, after: bool) -> None:
        self._clients, self._at, self._after = clients, at, after
        self.requests: list[str] = []
        self.dead = False

    def __call__(self, service: str) -> Any:
        return _Client(self, service, self._clients(service))

    def send(self, name: str, request: Callable[[], Any]) -> Any:
        if self.dead:
            raise Killed(name)
        self.requests.append(name)
        self.dead = len(self.requests) == self._at
        if self.dead and not self._after:
            raise Killed(name)
        answer = request()
        if self.dead:
            raise Killed(name)
        return answer


class _Client:
    def __init__(self, dying: Dying, service: str, client: Any) -> None:
        self._dying, self._service, self._client = dying, service, client

    def __getattr__(self, name: str) -> Any:
        of_client = getattr(self._client, name)
        if name in NOT_REQUESTS:
            return of_client
        if name == "get_paginator":
            return lambda operation: _Paginator(self._dying, f"{self._service}.{operation}", of_client(operation))
        return lambda **given: self._dying.send(f"{self._service}.{name}", lambda: of_client(**given))


class _Paginator:
    def __init__(self, dying: Dying, name: str, paginator: Any) -> None:
        self._dying, self._name, self._paginator = dying, name, paginator

    def paginate(self, **given: Any) -> Iterator[Any]:
        pages = iter(self._paginator.paginate(**given))
        end = object()
        while (page := self._dying.send(self._name, lambda: next(pages, end))) is not end:
            yield page


@contextmanager
def new_shop() -> Iterator[Shop]:
    """Yield an empty shop."""
    with pytest.MonkeyPatch.context() as patched, mock_aws():
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patched.delenv("AWS_ENDPOINT_URL", raising=False)
        yield Shop(Stage())


def kills(
    command: Callable[[Shop, Clients], object], prepare: Callable[[Shop], object], share: int
) -> Iterator[tuple[Shop, str]]:
    """Prepare a shop, kill the command at a request, and yield the shop with the name of the request.

    Between two changes, all kills leave the same state, because a read changes nothing and the holds of letters end. So
    only the last request of each such span is killed, before it takes effect, and the last request of all after it.
    With CRONSTACK_EVERY_KILL, each request is killed before and after. share: which of the kills.
    """
    with new_shop() as shop:
        prepare(shop)
        whole = Dying(shop.clients, 0, after=False)
        command(shop, whole)
    count = len(whole.requests)
    if os.environ.get(EVERY_KILL):
        points = [(at, after) for at in range(1, count + 1) for after in (False, True)]
    else:
        changes = [at for at, name in enumerate(whole.requests, 1) if not name.partition(".")[2].startswith(READS)]
        points = [*((at, False) for at in changes), (count, True)]
        print(f"{len(points)} of {2 * count} kills; all of them: {EVERY_KILL}=1")
    for at, after in points[share::SHARES]:
        with new_shop() as shop:
            prepare(shop)
            dying = Dying(shop.clients, at, after=after)
            with suppress(Killed):
                command(shop, dying)
            assert dying.dead, "the command sends as many requests each time"
            end_holds(shop)
            yield shop, f"{'after' if after else 'before'} request {at}, {dying.requests[-1]}"


def end_holds(shop: Shop) -> None:
    """Make all letters visible, as SQS does two minutes after their reader was killed."""
    for url in (shop.delivery, shop.stage.queue):
        queue = sqs_backends[ACCOUNT_ID]["us-east-1"].queues[url.rpartition("/")[2]]
        for message in privates.messages(queue):
            message.change_visibility(0)
