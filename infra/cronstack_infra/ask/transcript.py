"""The transcript of a run, for publication: the questions, what AWS did, and the switch that simulates it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from cronstack_infra.ask.run import Asked
from cronstack_infra.ask.table import UNASKED

MASK: Final = "111122223333"
"""The account of AWS's own examples."""
_ACCOUNT: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_ID: Final = re.compile(r"\b(AROA|AIDA|AKIA|ASIA)[A-Z0-9]{12,}\b")


def masked(text: str) -> str:
    """Return a text with account numbers and ids of roles, users and keys masked."""
    return _ID.sub(lambda match: f"{match[1]}EXAMPLE", _ACCOUNT.sub(MASK, text))


def as_json(asked: Sequence[Asked], *, region: str, day: str) -> dict[str, Any]:
    """Return the transcript as JSON."""
    answers = [
        {
            "id": each.question.id,
            "asks": each.question.asks,
            "answer": each.answer.text if each.answer is not None else None,
            "switch": each.question.switch or None,
            "setting": (each.answer.setting or None) if each.answer is not None else None,
            "facts": dict(each.answer.facts) if each.answer is not None else {},
            "fault": each.fault or None,
            "seconds": round(each.seconds),
        }
        for each in asked
    ]
    transcript: dict[str, Any] = json.loads(masked(json.dumps({"region": region, "day": day, "answers": answers})))
    return transcript | {"unasked": UNASKED}


def as_text(asked: Sequence[Asked], *, region: str, day: str) -> str:
    """Return the transcript as text."""
    lines = [f"AWS, {region}, {day}", ""]
    for each in asked:
        lines += [f"{each.question.id}: {each.question.asks}"]
        if each.answer is None:
            lines += [f"    no answer: {each.fault}", ""]
            continue
        lines += [f"    {each.answer.text}"]
        lines += [f"    as --switch {each.answer.setting}"] if each.answer.setting else []
        lines += [f"    {name}: {json.dumps(value, default=str)}" for name, value in each.answer.facts.items()]
        lines += [""]
    lines += ["Not asked:", *(f"    {name}: {why}" for name, why in UNASKED.items())]
    return masked("\n".join(lines))
