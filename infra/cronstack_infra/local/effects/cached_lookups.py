"""Look-ups in moto for each occurrence. A virtual cloud caches them until its configuration changes."""

from __future__ import annotations

from collections.abc import Mapping

from moto.core.exceptions import JsonRESTError

from cronstack_infra.local.engine.values import Deliver, FunctionRules
from cronstack_infra.local.executor.values import DeployedFunction
from cronstack_infra.local.lookups.functions import all_reserved, find_function, function_of, reserved, rules_of

Ready = tuple[DeployedFunction, int | None]
"""A function and its reserved concurrency."""


class Lookups:
    """Functions, their rules, and the deliveries that a role allows."""

    def __init__(self, *, keep: bool = False) -> None:
        """keep: cache results until ``forget``. Defaults to False."""
        self._keep = keep
        self._ready: dict[str, Ready] = {}
        self._rules: dict[str, FunctionRules] = {}
        self._reserved: dict[str, int] | None = None
        self._allowed: dict[tuple[str, str, str], str] = {}
        """Qualified ARN of the function, by schedule group, target and role."""

    def forget(self) -> None:
        """Empty the cache: a function, a role or a policy may have changed."""
        self._ready.clear()
        self._rules.clear()
        self._reserved = None
        self._allowed.clear()

    def ready(self, arn: str) -> Ready:
        """Return the function of an ARN. Raises JsonRESTError when it cannot run."""
        cached = self._ready.get(arn)
        if cached is not None:
            return cached
        function = find_function(arn)
        if function is None:
            raise JsonRESTError("ResourceNotFoundException", f"Function not found: {arn}")
        ready = function_of(function), reserved(function)
        if self._keep:
            self._ready[arn] = ready
        return ready

    def all_reserved(self) -> Mapping[str, int]:
        """Return the reserved concurrency of each function that has one, by ARN."""
        reservations = self._reserved if self._reserved is not None else all_reserved()
        if self._keep:
            self._reserved = reservations
        return reservations

    def rules(self, arn: str) -> FunctionRules:
        cached = self._rules.get(arn)
        if cached is not None:
            return cached
        rules = rules_of(arn)
        if self._keep:
            self._rules[arn] = rules
        return rules

    def allowed(self, deliver: Deliver) -> str | None:
        """Return the function's ARN if the cache has this delivery as allowed."""
        return self._allowed.get(_cache_key(deliver)) if self._keep else None

    def allow(self, deliver: Deliver, function_arn: str) -> None:
        """Cache that a delivery to a function was allowed."""
        if self._keep:
            self._allowed[_cache_key(deliver)] = function_arn


def _cache_key(deliver: Deliver) -> tuple[str, str, str]:
    return deliver.schedule_arn.rsplit("/", 1)[0], deliver.target.arn, deliver.target.role_arn
