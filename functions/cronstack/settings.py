"""Names of the environment variables that the stack writes and the runtime reads. They are its only configuration.

Policies are not among them: a job's overlap, retries and deadlines come from its declaration in the deployed code. So
no payload and no edit in the console can change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from cronstack.errors import CronstackError

LEDGER: Final = "CRONSTACK_LEDGER"
"""Name of the ledger table."""
DEAD_LETTERS: Final = "CRONSTACK_DEAD_LETTERS"
"""URL of the queue for dead letters of handlers. It is also the function's on-failure destination."""
STACK: Final = "CRONSTACK_STACK"
"""Name of the stack the function belongs to."""
CARRIERS: Final = "CRONSTACK_CARRIERS"
"""Name of the schedule group of the job's carriers: one-time schedules that bring an occurrence back."""
CARRIER_ROLE: Final = "CRONSTACK_CARRIER_ROLE"
"""ARN of the role with which a carrier invokes this function. Carriers of other jobs have other roles."""
DELIVERY_DEAD_LETTERS: Final = "CRONSTACK_DELIVERY_DEAD_LETTERS"
"""ARN of the queue for events that Scheduler could not deliver, including those of carriers."""

METRICS: Final = "CRONSTACK_METRICS"
"""Which metrics the log lines of the function have: one of ``METRICS_OF``. If it is missing: "none"."""
MetricsOf = Literal["stack", "job", "none"]
METRICS_OF: Final[tuple[MetricsOf, ...]] = ("stack", "job", "none")

VARIABLES: Final = (LEDGER, DEAD_LETTERS, STACK, CARRIERS, CARRIER_ROLE, DELIVERY_DEAD_LETTERS)
"""The variables that the template sets, in the order of the fields of ``Settings``."""

LOCAL_TIMEOUT: Final = "CRONSTACK_LOCAL_TIMEOUT"
"""Seconds after which the local cloud ends an invocation, perhaps before the job's timeout. AWS does not set it."""

PLANS: Final = "plans"
"""The alias by which the schedules of plans invoke a function. The function refuses all other events by this alias.

Code that may plan can create schedules with any event, so an event cannot prove what it may request. The alias can: the
role of these schedules may invoke the function by this alias only, and Lambda passes the alias to the function.
"""

_ONCE: Final = "CRONSTACK_ONCE_"

RESERVED_PREFIXES: Final = ("CRONSTACK_", "AWS_", "LAMBDA_", "_X_AMZN_", "_HANDLER")
"""Prefixes that a job's ``env`` may not use: Cronstack's, and those that Lambda reserves."""


def once_variable(job: str) -> str:
    """Return the name of the variable with the ``Wiring`` of a job that code may schedule."""
    return _ONCE + job.replace("-", "_")


class Settings(NamedTuple):
    """The runtime's settings: names of this stack's own resources, and the timeout of the local cloud."""

    ledger: str
    dead_letters: str
    stack: str
    carriers: str
    carrier_role: str
    delivery_dead_letters: str
    local_timeout: float = 900
    """Seconds. Defaults to Lambda's longest timeout."""
    metrics: MetricsOf = "none"
    """Metrics in the log lines: those of the stack, also those of the job, or none."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from an environment. Raise CronstackError with the first variable that is missing."""
        missing = [name for name in VARIABLES if not environ.get(name)]
        if missing:
            raise CronstackError(
                f"environment variable {missing[0]} is not set",
                remedy="Deploy the function with Cronstack's stack, which sets it. Do not remove it by hand.",
            )
        return cls(
            ledger=environ[LEDGER],
            dead_letters=environ[DEAD_LETTERS],
            stack=environ[STACK],
            carriers=environ[CARRIERS],
            carrier_role=environ[CARRIER_ROLE],
            delivery_dead_letters=environ[DELIVERY_DEAD_LETTERS],
            local_timeout=float(environ.get(LOCAL_TIMEOUT) or 900),
            metrics=_metrics(environ.get(METRICS, "none")),
        )

    def environment(self) -> dict[str, str]:
        """Return the settings as environment variables, for the template."""
        variables = {name: str(value) for name, value in zip(VARIABLES, self, strict=False)}
        return variables if self.metrics == "none" else {**variables, METRICS: self.metrics}


def _metrics(value: str) -> MetricsOf:
    """Return the value of ``METRICS``. Raise CronstackError for an unknown one."""
    if value not in METRICS_OF:
        raise CronstackError(
            f"environment variable {METRICS} is {value!r}", remedy=f"Valid values: {', '.join(METRICS_OF)}."
        )
    return value
