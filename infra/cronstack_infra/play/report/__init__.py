"""The report: a trace as a web page in one file, which opens offline and loads nothing.

The attempts are packed by columns and deflated into the page (see ``pack``), so that a year of minutes is a file of
about a megabyte and opens at once. The page's own script unpacks and draws them. All its counts come from the attempts
of the trace.
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
    """Write the report of ``trace`` (a trace.jsonl) to ``page``. Raise OperationError if the trace is incomplete."""
    packed = pack(_rows(trace))
    if packed is None:
        raise OperationError(
            f"{trace} is not a complete trace: its begin or end is missing",
            remedy="Run the simulation again, to its end.",
        )
    page.write_text(render(packed), encoding="utf-8")


def render(packed: Mapping[str, Any]) -> str:
    """Return the page as text."""
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
    """Return JSON for a script element. Escape "<": the browser would find "</script" and "<!--" even in texts."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _rows(trace: Path) -> Iterator[dict[str, Any]]:
    with trace.open(encoding="utf-8") as lines:
        for line in lines:
            if '"event":"attempt"' in line or '"event":"begin"' in line or '"event":"end"' in line:
                yield json.loads(line)
