"""Remedies for dead letters that a redrive leaves in their queue: commands to copy. Pure.

A command never contains the input of a letter, because any code may have written it. The input is shown after the
command.
"""

from __future__ import annotations

import json
from shlex import quote
from typing import Any, Final

from cronstack.occurrence import Occurrence, print_time, split_generation

REFUSED_AGAIN: Final = ("TooOld", "PayloadMismatch", "Forgotten")
"""Reasons for which the guard refuses an event each time it is sent."""
LONGEST_INPUT: Final = 300
"""Most characters of an input that are printed."""
SECOND: Final = 1000
"""Milliseconds."""
_INPUT: Final = "--input '{...}'"


def rename(job: str) -> str:
    """Return the remedy for a letter whose job is not deployed."""
    return f"If the job was renamed: cronstack dead-letters redrive {job} --as NEWNAME."


def refused(reason: str, job: str, occurrence: Occurrence) -> str:
    """Return the remedy for an event that the job has refused and would refuse again."""
    if reason != "PayloadMismatch":
        if occurrence.key:
            command = f"cronstack once schedule {job} --key {quote(occurrence.key)} --in 1s --replace"
            suffix = f" {_INPUT}. {unchecked_input(occurrence)}" if occurrence.input else ""
            return f"Plan it again: {command}{suffix}"
        if split_generation(occurrence.id)[0].startswith("t-"):
            return generation(job, occurrence)
    return by_hand(job, occurrence)


def generation(job: str, occurrence: Occurrence) -> str:
    """Return the remedy for an occurrence that must run again, or whose run the ledger may no longer store."""
    if not split_generation(occurrence.id)[0].startswith("t-"):
        return by_hand(job, occurrence)
    first, last = print_time(occurrence.due), print_time(occurrence.due + SECOND)
    return f"Run it as a new generation: cronstack backfill {job} all --from {first} --to {last}"


def by_hand(job: str, occurrence: Occurrence) -> str:
    """Return the remedy for an occurrence whose input an operator has to write."""
    return f"Run your own input as a new occurrence: cronstack trigger {job} {_INPUT}. {unchecked_input(occurrence)}"


def at(job: str, occurrence: Occurrence) -> str:
    """Return the remedy for a scheduled time that no schedule confirms."""
    time = print_time(occurrence.due)
    return f"If it was due then: cronstack trigger {job} --at {time}, or with {_INPUT}. {unchecked_input(occurrence)}"


def unchecked_input(occurrence: Occurrence) -> str:
    """Return the input that a letter contains, marked as not checked."""
    return f"Input in the letter, not checked: {shown(occurrence.input)}"


def shown(input: Any) -> str:
    """Return an input as text for one line, cut if it is long."""
    text = json.dumps(input, ensure_ascii=True)
    return text if len(text) <= LONGEST_INPUT else f"{text[:LONGEST_INPUT]}… (all of it: cronstack dead-letters show)"


def foreign(reason: str, job: str, letter: str) -> str:
    """Return the remedy for an event that is not a Cronstack occurrence."""
    of = job or "JOB"
    if reason == "Unreplaced":
        return (
            "Only Scheduler replaces context attributes. Deploy again, so that the schedule has Cronstack's Input; then"
            f" run what was missed: cronstack backfill {of} --from ... --to ..."
        )
    return (
        f"To read it: cronstack dead-letters show {letter}; to run the job with your own input:"
        f" cronstack trigger {of} {_INPUT}"
    )
