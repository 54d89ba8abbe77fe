"""The wire between the watchdog and its services: kills, faults, time that passes, and the count of requests."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from botocore.exceptions import ReadTimeoutError

from tests.cronstack.watchdog_simulation.cloud.clients import Answer, Client, ServiceError
from tests.cronstack.watchdog_simulation.cloud.virtual_time import VirtualTime

Service = Callable[[str, Mapping[str, Any]], Answer]
SLOWEST: Final = 2_500


class Killed(BaseException):
    """The watchdog's process ends here. No handler of exceptions may run in it, so it is not an Exception."""


class Request(NamedTuple):
    service: str
    operation: str


class Strike(NamedTuple):
    """A fault of one pass. ``number``: the request, from 1. ``operation``: only if the request has it, else the next.

    ``how``: "killed before" or "killed after" the request is carried out, "throttled", "lost answer", or "overtaken":
    the process is frozen before the request, another pass runs, and then the first one continues.
    """

    number: int
    how: str
    operation: str = ""


class FaultyWire:
    """Carries out the requests of one pass after the other."""

    def __init__(self, time: VirtualTime, chance: random.Random, services: Mapping[str, Service]) -> None:
        self._time, self._chance, self._services = time, chance, services
        self._clients: dict[str, Client] = {}
        self.requests: list[Request] = []
        """The requests of the present pass."""
        self.strike: Strike | None = None
        self.struck: Strike | None = None
        """The fault that has happened in the present pass."""
        self.slow = chance.random() < 0.3
        self.overtake: Callable[[], object] = lambda: None

    def begin(self, strike: Strike | None) -> None:
        """Begin a pass, with a fault."""
        self.requests, self.strike, self.struck = [], strike, None

    def client(self, service: str) -> Client:
        """Return the client of a service, as ``boto3.client`` does."""
        if service not in self._clients:
            self._clients[service] = Client(service, self)
        return self._clients[service]

    def now(self) -> int:
        return self._time.now

    def exchange(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Answer:
        assert self.struck is None or not self.struck.how.startswith("killed"), "a killed process sends nothing"
        self.requests.append(Request(service, operation))
        how = self._strikes(operation)
        if how == "killed before":
            raise Killed
        if how == "throttled":
            raise ServiceError("ThrottlingException", "Rate exceeded")
        if how == "overtaken":
            self.overtake()
        answer = self._services[service](operation, parameters)
        if how == "killed after":
            raise Killed
        if how == "lost answer":
            raise ReadTimeoutError(endpoint_url=f"https://{service}.us-east-1.amazonaws.com/", error="timed out")
        self._pass_time()
        return answer

    def _strikes(self, operation: str) -> str:
        strike = self.strike
        if strike is None or len(self.requests) < strike.number or strike.operation not in ("", operation):
            return ""
        self.struck, self.strike = strike, None
        return strike.how

    def _pass_time(self) -> None:
        takes = 8
        if self.slow and self._chance.random() < 0.05:
            takes = self._chance.randrange(SLOWEST)
        self._time.run_until(self._time.now + takes)
