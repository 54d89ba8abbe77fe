"""DynamoDB on moto 5.2.5, as far as the guard leans on it: transactions, conditions and numbers that are DynamoDB's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime


def install(now: Callable[[], datetime]) -> None:
    """Put the replacements in place. ``now`` tells when a request token is forgotten."""
    from cronstack_infra.local.dynamodb import conditions, numbers, transactions

    conditions.install()
    transactions.install(now)
    numbers.install()
