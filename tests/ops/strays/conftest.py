"""A shop with a job that code may schedule."""

from __future__ import annotations

import pytest

from cronstack import clock
from cronstack import once as declared_by_code
from cronstack.onetime.once import Once
from tests.ops.shop import Shop


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Return the shop with the time of this machine, because moto uses it for creation dates."""
    shop.stage.now = clock.now_ms() // 1000 * 1000
    shop.deploy(lambda run: None, schedule=declared_by_code())
    return shop


@pytest.fixture
def once(shop: Shop) -> Once:
    return shop.once()
