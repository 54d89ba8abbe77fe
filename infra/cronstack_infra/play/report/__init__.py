"""A trace as a page that people look at: one file, which opens offline and asks for nothing.

The attempts are packed by columns and deflated into the page (see ``pack``), so that a year of minutes is a file of
about a megabyte and opens at once; the page's own script unpacks and draws them. What the page counts it counts from
the attempts of the trace.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack_infra.play.report.pack import pack

SCRIPTS: Final = ("attempts.js", "zones.js", "causes.js", "elements.js", "page.js")


def write(trace: Path, page: Path) -> None:
    """Write the report of ``trace`` (trace.jsonl of a simulation) to ``page``. Raises OperationError for no trace."""
    packed = pack(_rows(trace))
    if packed is None:
        raise OperationError(f"{trace} is no whole trace of a simulation", remedy="Simulate again: it was cut short.")
    page.write_text(render(packed), encoding="utf-8")


def render(packed: Mapping[str, Any]) -> str:
    """The page as text."""
    parts = files(__package__)
    html = parts.joinpath("page.html").read_text(encoding="utf-8")
    for place, text in (
        ("/*STYLE*/", parts.joinpath("page.css").read_text(encoding="utf-8")),
        ("/*DATA*/", _in_script(packed)),
        ("/*SCRIPT*/", "\n".join(parts.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)),
    ):
        before, _, after = html.partition(place)
        html = before + text + after
    return html


def _in_script(value: Mapping[str, Any]) -> str:
    """JSON that no text in it can end early: the browser looks for "</script" and "<!--" first."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _rows(trace: Path) -> Iterator[dict[str, Any]]:
    with trace.open(encoding="utf-8") as lines:
        for line in lines:
            if '"event":"attempt"' in line or '"event":"begin"' in line or '"event":"end"' in line:
                yield json.loads(line)
