"""What to do about a dead letter that a redrive leaves in its queue: commands to copy. Pure."""

from __future__ import annotations

import json
from shlex import quote
from typing import Final

from cronstack.occurrence import Occurrence, is_planned, print_time, split_generation

REFUSED_AGAIN: Final = ("TooOld", "PayloadMismatch", "Forgotten")
"""Reasons for which the guard refuses an event each time it is sent."""
_LONGEST_INPUT: Final = 300
"""Most characters of an input in a printed command."""
SECOND: Final = 1000
"""Milliseconds."""
_PLACEHOLDER: Final = "'{...}' (cronstack dead-letters list --json has its input)"


def rename(job: str) -> str:
    """Return the remedy for a letter whose job is not deployed."""
    return f"If the job was renamed: cronstack dead-letters redrive {job} --as NEWNAME."


def refused(reason: str, job: str, occurrence: Occurrence) -> str:
    """Return the remedy for an event that the job has refused and would refuse again."""
    if reason != "PayloadMismatch":
        if occurrence.key:
            of = f"{job} --key {quote(occurrence.key)}"
            return f"Plan it anew: cronstack once schedule {of} --in 1s --replace{_input(occurrence)}"
        if split_generation(occurrence.id)[0].startswith("t-"):
            first, last = print_time(occurrence.due), print_time(occurrence.due + SECOND)
            return f"Run it as a new generation: cronstack backfill {job} --from {first} --to {last} --again"
    return f"Run its input as an occurrence of its own: cronstack trigger {job}{_input(occurrence)}"


def foreign(reason: str, job: str, letter: str) -> str:
    """Return the remedy for an event that is not an occurrence of Cronstack's."""
    of = job or "JOB"
    if reason == "Unreplaced":
        return (
            "Only Scheduler replaces context attributes. Deploy again, so that the schedule has Cronstack's Input; then"
            f" run what was missed: cronstack backfill {of} --from ... --to ..."
        )
    return (
        f"To read it: cronstack dead-letters show {letter}; to run the job with an input of yours:"
        f" cronstack trigger {of} --input '{{...}}'"
    )


def _input(occurrence: Occurrence) -> str:
    """Return the option that gives the same input again. A long input is not printed."""
    if not occurrence.input and is_planned(occurrence.id):
        return ""
    text = json.dumps(occurrence.input, ensure_ascii=True)
    return f" --input {quote(text) if len(text) <= _LONGEST_INPUT else _PLACEHOLDER}"
