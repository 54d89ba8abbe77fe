"""``explain`` names the actual cause of seeded histories that cover every outcome.

Each history plants what happens, and returns the cause that its own code knows. Another seed, or more of them:

    CRONSTACK_EXPLAIN_SEED=7 CRONSTACK_EXPLAIN_ROUNDS=5 uv run pytest tests/ops/explaining
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cronstack_infra.ops.explaining.page import page_of
from tests.ops.explaining import of_open_runs, of_plans, of_runs, of_times
from tests.ops.explaining.planted import History
from tests.ops.explaining.world import World

SEED = int(os.environ.get("CRONSTACK_EXPLAIN_SEED", "17"))
ROUNDS = int(os.environ.get("CRONSTACK_EXPLAIN_ROUNDS", "1"))
HISTORIES = (*of_runs.HISTORIES, *of_open_runs.HISTORIES, *of_plans.HISTORIES, *of_times.HISTORIES)
SEEDS = [SEED * 1000 + round for round in range(ROUNDS)]


@pytest.fixture(autouse=True)
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_explain_names_the_planted_cause(history: History, seed: int) -> None:
    world = World(seed)
    planted = history(world)
    print(f"seed {seed}, {history.__name__}: {planted}")
    page = page_of(world.facts(planted.ask, planted.key))
    text = "\n".join(page.lines())
    print(text)
    assert page.verdict.cause == planted.cause
    assert planted.occurrence in (None, page.verdict.occurrence)
    assert {name: page.verdict.facts.get(name) for name in planted.facts} == planted.facts
    for word in planted.words:
        assert word in text
    assert len(page.lines()) <= 40
