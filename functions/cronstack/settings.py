"""Names of the environment variables that the stack writes and the runtime reads; nothing else passes between them.

Policies are not among them: a job's overlap, retries and deadlines come from its declaration in the deployed code,
so that no payload and no console edit can change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cronstack.errors import CronstackError

LEDGER: Final = "CRONSTACK_LEDGER"
"""Name of the ledger table."""
DEAD_LETTERS: Final = "CRONSTACK_DEAD_LETTERS"
"""URL of the queue for handler dead letters (the same queue as the function's on-failure destination)."""
STACK: Final = "CRONSTACK_STACK"
"""Name of the stack the function belongs to."""
CARRIERS: Final = "CRONSTACK_CARRIERS"
"""Name of the group in which the job makes its carriers: one-time schedules that bring an occurrence back."""
CARRIER_ROLE: Final = "CRONSTACK_CARRIER_ROLE"
"""ARN of the role with which a carrier invokes this one function; no other job's carriers have it."""
DELIVERY_DEAD_LETTERS: Final = "CRONSTACK_DELIVERY_DEAD_LETTERS"
"""ARN of the queue for what Scheduler could not deliver, carriers included."""

VARIABLES: Final = (LEDGER, DEAD_LETTERS, STACK, CARRIERS, CARRIER_ROLE, DELIVERY_DEAD_LETTERS)
"""What the template sets, in the order of the fields of ``Settings``."""

LOCAL_TIMEOUT: Final = "CRONSTACK_LOCAL_TIMEOUT"
"""Set by the local cloud only: seconds after which it ends an invocation, perhaps before the job's own timeout."""

PLANS: Final = "plans"
"""Alias of a function by which the events of plans come, and no others.

Code that may plan makes schedules with any event, so nothing in an event tells what it may ask for. The alias does: the
role of these schedules may invoke the function by this alias only, and Lambda tells the function by which it was
invoked.
"""

_ONCE: Final = "CRONSTACK_ONCE_"

RESERVED_PREFIXES: Final = ("CRONSTACK_", "AWS_", "LAMBDA_", "_X_AMZN_", "_HANDLER")
"""What a job's ``env`` may not begin with: ours, and what Lambda keeps to itself."""


def once_variable(job: str) -> str:
    """Name of the variable with which code reaches a job that it may schedule. Its value is a ``Wiring``."""
    return _ONCE + job.replace("-", "_")


class Settings(NamedTuple):
    """The runtime's settings: names of this stack's own resources, and what only the local cloud sets."""

    ledger: str
    dead_letters: str
    stack: str
    carriers: str
    carrier_role: str
    delivery_dead_letters: str
    local_timeout: float = 900
    """Seconds; the longest timeout of Lambda where there is no shorter one."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Take the settings from an environment. Raises CronstackError naming the first variable that is missing."""
        missing = [name for name in VARIABLES if not environ.get(name)]
        if missing:
            raise CronstackError(
                f"environment variable {missing[0]} is not set",
                remedy="Deploy the function with Cronstack's stack, which sets it; do not remove it by hand.",
            )
        return cls(
            ledger=environ[LEDGER],
            dead_letters=environ[DEAD_LETTERS],
            stack=environ[STACK],
            carriers=environ[CARRIERS],
            carrier_role=environ[CARRIER_ROLE],
            delivery_dead_letters=environ[DELIVERY_DEAD_LETTERS],
            local_timeout=float(environ.get(LOCAL_TIMEOUT) or 900),
        )

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for the template."""
        return {name: str(value) for name, value in zip(VARIABLES, self, strict=False)}
