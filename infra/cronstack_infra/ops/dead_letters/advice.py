"""Whether a redrive of a dead letter is safe, by what the letter proves. Pure.

    safe   the occurrence has never started, so nothing can be done twice
    check  the handler has started, and failed: only its author knows whether it may start again
    no     the job would refuse the event again

A redrive never runs what has succeeded, and never runs one occurrence twice at the same time. So the only question is
what the failed attempts have done. Writes of ``run.commit`` are stored only with success. For all other effects, no
letter shows whether they happened.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from cronstack.guard.letters import PERMANENT
from cronstack_infra.ops.dead_letters.remedies import REFUSED_AGAIN
from cronstack_infra.ops.dead_letters.unwrapping import Origin

Safety = Literal["safe", "check", "no"]


class Advice(NamedTuple):
    """Whether a redrive is safe, and why."""

    safety: Safety
    why: str


NEVER_REACHED = Advice("safe", "Scheduler could not invoke the function, so it has not started; the guard checks that")
NEVER_STARTED = Advice("safe", "it was missed, so it has never started; it starts late, with its own time")
FAILED = Advice(
    "check",
    "the handler has started: its writes through run.commit were not stored, but other effects may have happened, and"
    " happen again unless they use run.key",
)
FAILED_FOR_GOOD = Advice(
    "check", f"a retry cannot fix this error, so fix its cause first; {FAILED.why.partition(': ')[2]}"
)
REFUSED = Advice("no", "the job would refuse it again; redrive --dry-run prints a command for each")
INVALID = Advice("no", "its event is not an occurrence of Cronstack; dead-letters show prints it")
REFUSED_ONCE = Advice("safe", "the job refused it before the handler; redrive --dry-run shows whether it would again")


def advise(origin: Origin, reason: str, *, is_occurrence: bool) -> Advice:
    """Return the advice for the letters of one cause. ``is_occurrence``: their events name an occurrence."""
    if not is_occurrence:
        return INVALID
    match origin:
        case "delivery":
            return NEVER_REACHED
        case "missed":
            return NEVER_STARTED
        case "refused":
            return REFUSED if reason in REFUSED_AGAIN else REFUSED_ONCE
        case "handler":
            return FAILED_FOR_GOOD if reason == PERMANENT else FAILED
