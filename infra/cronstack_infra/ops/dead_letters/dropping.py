"""Delete dead letters without a run: those that an operator has handled, or that nothing can run any more.

SQS keeps no copy of a deleted letter. So its contents must be shown before it is deleted, not after: a command that is
interrupted in between must not lose them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import LONG_POLL, Counting, hold_letters, silently
from cronstack_infra.ops.dead_letters.redriving import not_found
from cronstack_infra.ops.deployment import Deployment


@dataclass(frozen=True)
class Dropped:
    """The letters that were deleted."""

    letters: tuple[DeadLetter, ...]
    absent: tuple[str, ...] = ()
    """Ids without a letter: of an earlier command that was interrupted, or wrong ones."""


def drop(
    sqs: Any,
    deployment: Deployment,
    ids: Sequence[str],
    *,
    poll: int = LONG_POLL,
    counting: Counting = silently,
    before: Callable[[Sequence[DeadLetter]], None] = lambda letters: None,
) -> Dropped:
    """Delete the letters with these ids. Raise OperationError if none of them exists.

    before: receives the letters before the first one is deleted. If it raises, nothing is deleted.
    """
    with hold_letters(sqs, deployment, poll=poll, counting=counting) as held:
        letters = {letter.id: letter for letter in held.letters}
        wanted = [*dict.fromkeys(ids)]
        found = [letters[id] for id in wanted if id in letters]
        absent = [id for id in wanted if id not in letters]
        if not found:
            raise not_found(absent[0], held.unread)
        before(found)
        for letter in found:
            held.renew()
            held.delete(letter)
        return Dropped(tuple(found), tuple(absent))
