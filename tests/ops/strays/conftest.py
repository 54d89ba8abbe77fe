"""A shop whose job code may schedule."""

from __future__ import annotations

import pytest

from cronstack import clock
from cronstack import once as declared_by_code
from cronstack.onetime.once import Once
from tests.ops.shop import Shop


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Its clock begins with this machine's, by which moto stamps what is made."""
    shop.stage.now = clock.now_ms() // 1000 * 1000
    shop.deploy(lambda run: None, schedule=declared_by_code())
    return shop


@pytest.fixture
def once(shop: Shop) -> Once:
    return shop.once()
