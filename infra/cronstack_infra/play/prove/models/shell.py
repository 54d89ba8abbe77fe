"""What surrounds the runtime in a proof: its settings, what its handlers raise, and the IO that must not happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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


def no_transport(operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The transport of a shell whose requests are carried out by the proof."""
    raise AssertionError("the proof carries out each request itself")


def no_sleep(seconds: float) -> None:
    """The sleep of a shell whose pauses pass in virtual time."""
    raise AssertionError("the proof carries out each pause itself")


def discard_line(line: str) -> None:
    """Log lines are built, as in Lambda, and dropped."""
