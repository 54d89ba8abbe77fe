"""What carrying out looks up for each occurrence. A virtual cloud keeps the answers until something is configured."""

from __future__ import annotations

from collections.abc import Mapping

from moto.core.exceptions import JsonRESTError

from cronstack_infra.local.engine.values import Deliver, FunctionRules
from cronstack_infra.local.executor.values import Function
from cronstack_infra.local.lookups.functions import all_reserved, find_function, function_of, reserved, rules_of

Ready = tuple[Function, int | None]
"""A function and its reserved concurrency."""


class Lookups:
    """Functions, their rules, and deliveries that a role may make."""

    def __init__(self, *, keep: bool = False) -> None:
        """keep: remember answers until ``forget``. Defaults to False."""
        self._keep = keep
        self._ready: dict[str, Ready] = {}
        self._rules: dict[str, FunctionRules] = {}
        self._reserved: dict[str, int] | None = None
        self._allowed: dict[tuple[str, str, str], str] = {}
        """Qualified ARN of the function, by schedule group, target and role."""

    def forget(self) -> None:
        """A function, a role or a policy may have changed."""
        self._ready.clear()
        self._rules.clear()
        self._reserved = None
        self._allowed.clear()

    def ready(self, arn: str) -> Ready:
        """Return the function of an ARN. Raises JsonRESTError when it cannot run."""
        known = self._ready.get(arn)
        if known is not None:
            return known
        function = find_function(arn)
        if function is None:
            raise JsonRESTError("ResourceNotFoundException", f"Function not found: {arn}")
        found = function_of(function), reserved(function)
        if self._keep:
            self._ready[arn] = found
        return found

    def all_reserved(self) -> Mapping[str, int]:
        """Return the reserved concurrency of each function that has one, by ARN."""
        found = self._reserved if self._reserved is not None else all_reserved()
        if self._keep:
            self._reserved = found
        return found

    def rules(self, arn: str) -> FunctionRules:
        known = self._rules.get(arn)
        if known is not None:
            return known
        found = rules_of(arn)
        if self._keep:
            self._rules[arn] = found
        return found

    def allowed(self, deliver: Deliver) -> str | None:
        """Return the function's ARN when this very delivery is known to be allowed."""
        return self._allowed.get(_question(deliver)) if self._keep else None

    def allow(self, deliver: Deliver, function_arn: str) -> None:
        """Remember that a delivery to a function was allowed."""
        if self._keep:
            self._allowed[_question(deliver)] = function_arn


def _question(deliver: Deliver) -> tuple[str, str, str]:
    return deliver.schedule_arn.rsplit("/", 1)[0], deliver.target.arn, deliver.target.role_arn
