"""The golden changes: ``python -m tests.changes.golden`` renews them."""

from __future__ import annotations

import pytest

from cronstack_infra.changes.markdown import as_markdown
from cronstack_infra.changes.text import as_text
from tests.changes.golden import Golden, all_changes, changes_of

GOLDEN = all_changes()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_the_outputs_are_as_reviewed(golden: Golden) -> None:
    changes = changes_of(golden)
    assert as_text(changes).strip() == golden.sections["text"].strip()
    assert as_markdown(changes).strip() == golden.sections["markdown"].strip()


def test_there_are_at_least_twenty() -> None:
    assert len(GOLDEN) >= 20
