"""The transcript of a run, for publication: what was asked, what AWS did, and which switch plays that. Pure."""

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
    """Return a text without numbers of accounts and ids of roles, users and keys."""
    return _ID.sub(lambda found: f"{found[1]}EXAMPLE", _ACCOUNT.sub(MASK, text))


def as_json(asked: Sequence[Asked], *, region: str, day: str) -> dict[str, Any]:
    """Return the transcript as JSON."""
    answers = [
        {
            "id": one.question.id,
            "asks": one.question.asks,
            "said": one.answer.said if one.answer is not None else None,
            "switch": one.question.switch or None,
            "setting": (one.answer.setting or None) if one.answer is not None else None,
            "facts": dict(one.answer.facts) if one.answer is not None else {},
            "fault": one.fault or None,
            "seconds": round(one.seconds),
        }
        for one in asked
    ]
    told: dict[str, Any] = json.loads(masked(json.dumps({"region": region, "day": day, "answers": answers})))
    return told | {"unasked": UNASKED}


def as_text(asked: Sequence[Asked], *, region: str, day: str) -> str:
    """Return the transcript as text."""
    lines = [f"AWS, {region}, {day}", ""]
    for one in asked:
        lines += [f"{one.question.id}: {one.question.asks}"]
        if one.answer is None:
            lines += [f"    no answer: {one.fault}", ""]
            continue
        lines += [f"    {one.answer.said}"]
        lines += [f"    as --switch {one.answer.setting}"] if one.answer.setting else []
        lines += [f"    {name}: {json.dumps(value, default=str)}" for name, value in one.answer.facts.items()]
        lines += [""]
    lines += ["Not asked:", *(f"    {name}: {why}" for name, why in UNASKED.items())]
    return masked("\n".join(lines))
