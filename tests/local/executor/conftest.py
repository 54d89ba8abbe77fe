from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.executor.bench import Bench, bench


@pytest.fixture(scope="module")
def runs() -> Iterator[Bench]:
    """An executor for the whole module: its warden loads the SDK only once."""
    with bench() as runs:
        yield runs
