"""The surroundings of the runtime in a proof: its settings, the exceptions of its handlers, a sink for log lines."""

from __future__ import annotations

from typing import Final

from cronstack.settings import Settings
from cronstack_infra.play.prove.models.world import LETTERS, TABLE

SETTINGS: Final = Settings(
    ledger=TABLE,
    dead_letters=LETTERS,
    stack="shop",
    carriers="shop-carriers",
    carrier_role="arn:aws:iam::123456789012:role/carrier",
    delivery_dead_letters="arn:aws:sqs:us-east-1:123456789012:delivery",
)


class HandlerFailed(Exception):
    """Raised by a handler that fails."""


class HandlerFailedForGood(Exception):
    """Raised by a handler that fails; the job declares it as permanent."""


def discard_line(line: str) -> None:
    """Discard a log line. It is still built, as in Lambda."""
