"""Delete dead letters without a run: those that an operator has handled, or that nothing can run any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import LONG_POLL, Counting, hold_letters, silently
from cronstack_infra.ops.dead_letters.redriving import not_found
from cronstack_infra.ops.deployment import Deployment


def drop(
    sqs: Any, deployment: Deployment, ids: Sequence[str], *, poll: int = LONG_POLL, counting: Counting = silently
) -> list[DeadLetter]:
    """Delete the letters with these ids, and return them. Raise OperationError before the first if one is missing."""
    with hold_letters(sqs, deployment, poll=poll, counting=counting) as held:
        letters = {letter.id: letter for letter in held.letters}
        for id in ids:
            if id not in letters:
                raise not_found(id, held.unread)
        for id in dict.fromkeys(ids):
            held.delete(letters[id])
        return [letters[id] for id in dict.fromkeys(ids)]
