"""What to do about a dead letter that a redrive leaves in its queue: commands to copy. Pure.

A command never holds the input of a letter, because anything may have written that. The input is shown behind it.
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
            given = f" {_INPUT}. {says(occurrence)}" if occurrence.input else ""
            return f"Plan it anew: {command}{given}"
        if split_generation(occurrence.id)[0].startswith("t-"):
            return generation(job, occurrence)
    return by_hand(job, occurrence)


def generation(job: str, occurrence: Occurrence) -> str:
    """Return the remedy for an occurrence that is to run once more, or of which the ledger may have forgotten a run."""
    if not split_generation(occurrence.id)[0].startswith("t-"):
        return by_hand(job, occurrence)
    first, last = print_time(occurrence.due), print_time(occurrence.due + SECOND)
    return f"Run it as a new generation: cronstack backfill {job} --from {first} --to {last} --again"


def by_hand(job: str, occurrence: Occurrence) -> str:
    """Return the remedy for an occurrence whose input only a person can know."""
    return f"Run an input of yours as an occurrence of its own: cronstack trigger {job} {_INPUT}. {says(occurrence)}"


def at(job: str, occurrence: Occurrence) -> str:
    """Return the remedy for a scheduled time that no schedule confirms."""
    time = print_time(occurrence.due)
    return f"If it was due then: cronstack trigger {job} --at {time}, or with {_INPUT}. {says(occurrence)}"


def says(occurrence: Occurrence) -> str:
    """Return the input that a letter contains, marked as not checked."""
    return f"The letter says, unchecked: input {shown(occurrence.input)}"


def shown(given: Any) -> str:
    """Return an input for a line of text. A long one is cut."""
    text = json.dumps(given, ensure_ascii=True)
    return text if len(text) <= LONGEST_INPUT else f"{text[:LONGEST_INPUT]}… (all of it: cronstack dead-letters show)"


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
        f" cronstack trigger {of} {_INPUT}"
    )
