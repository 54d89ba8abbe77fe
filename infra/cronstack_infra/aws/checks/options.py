"""The options of a stack that concern its operation, from arguments of ``CronstackStack`` or from the context.

Each option is read and checked before any resource is created.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

from aws_cdk import Token
from aws_cdk import aws_sns as sns
from constructs import Node

from cronstack.errors import DeclarationError
from cronstack.settings import METRICS_OF, MetricsOf
from cronstack_infra.names import ALWAYS, WATCHDOG_CONTEXT

METRICS_CONTEXT: Final = "cronstack:metrics"
ALARMS_TO_CONTEXT: Final = "cronstack:alarms-to"
DASHBOARD_CONTEXT: Final = "cronstack:dashboard"
TRACING_CONTEXT: Final = "cronstack:tracing"

_MAIL: Final = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+")
_TOPIC: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_REMEDY_TO: Final = (
    "Give a mail address, the ARN of a standard topic such as arn:aws:sns:eu-central-1:123456789012:ops, or a topic of "
    "aws_sns."
)


@dataclass(frozen=True)
class Operations:
    """The options of one stack."""

    metrics: MetricsOf = "stack"
    """Metrics in the log lines of the jobs."""
    alarms_to: sns.ITopic | str | None = None
    """A topic, the ARN of a topic, or a mail address. None: a topic without subscribers."""
    watchdog: bool = True
    dashboard: bool = False
    tracing: bool = False
    """Whether X-Ray traces the jobs."""

    @property
    def mail(self) -> str | None:
        """The mail address to which alarms go."""
        return self.alarms_to if isinstance(self.alarms_to, str) and "@" in self.alarms_to else None

    @classmethod
    def read(
        cls, node: Node, *, metrics: object, alarms_to: object, watchdog: object, dashboard: object, tracing: object
    ) -> Operations:
        """Return the options. An argument of None is read from the context. Raise DeclarationError for a bad value."""

        def value(name: str, given: object, context: str, check: Callable[[object, str], Any], default: Any) -> Any:
            if given is not None:
                return check(given, f"CronstackStack({name}={given!r})")
            read = node.try_get_context(context)
            return default if read is None else check(read, f'context "{context}" is {read!r}')

        return cls(
            metrics=value("metrics", metrics, METRICS_CONTEXT, _metrics, cls.metrics),
            alarms_to=value("alarms_to", alarms_to, ALARMS_TO_CONTEXT, _alarms_to, None),
            watchdog=value("watchdog", watchdog, WATCHDOG_CONTEXT, _watchdog, cls.watchdog),
            dashboard=value("dashboard", dashboard, DASHBOARD_CONTEXT, _switch, cls.dashboard),
            tracing=value("tracing", tracing, TRACING_CONTEXT, _switch, cls.tracing),
        )


def _metrics(value: object, shown: str) -> MetricsOf:
    for known in METRICS_OF:
        if value == known:
            return known
    raise _invalid(shown, f"Valid values: {', '.join(METRICS_OF)}.")


def _alarms_to(value: object, shown: str) -> sns.ITopic | str:
    if not isinstance(value, str):
        if hasattr(value, "topic_arn"):
            return cast(sns.ITopic, value)
        raise _invalid(shown, _REMEDY_TO)
    if Token.is_unresolved(value) or _TOPIC.fullmatch(value) or _MAIL.fullmatch(value):
        return value
    raise _invalid(shown, _REMEDY_TO)


def _watchdog(value: object, shown: str) -> bool:
    return True if value == ALWAYS else _switch(value, shown, f"true, false, {ALWAYS}")


def _switch(value: object, shown: str, valid: str = "true, false") -> bool:
    """Return a Boolean. A value of the command line (``-c KEY=true``) is text."""
    text = str(value).lower()
    if text not in ("true", "false"):
        raise _invalid(shown, f"Valid values: {valid}.")
    return text == "true"


def _invalid(shown: str, remedy: str) -> DeclarationError:
    return DeclarationError(f"{shown}: not a valid value", where="cdk.json", remedy=remedy)
