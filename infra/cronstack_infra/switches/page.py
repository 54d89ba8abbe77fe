"""The README of this folder, generated from the table: ``python -m cronstack_infra.switches.page`` rewrites it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cronstack_infra.switches.parsing import accepted, shown
from cronstack_infra.switches.settings import Switches
from cronstack_infra.switches.table import PLACES, SWITCHES, Place, Switch

README: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- written from table.py -->"
_SHORT: Final[dict[Place, str]] = {
    "local cloud": "local",
    "cloud fixture": "fixture",
    "simulate": "sim",
    "prove": "prove",
}


def page(text: str) -> str:
    """Return the README with current tables. ``text``: the README as it is now."""
    return f"{text.partition(BEGIN)[0]}{BEGIN}\n\n{_table()}\n{_reasons()}\n{_sources()}"


def values(switch: Switch) -> tuple[str, str, str]:
    """Return the accepted values, the default and the harshest setting of a switch, as text."""
    return accepted(switch.field), shown(getattr(Switches(), switch.field)), shown(switch.harshest)


def _table() -> str:
    head = ["switch", "what AWS leaves open", "values", "default", "harshest", *(_SHORT[place] for place in PLACES)]
    rows = [_row(head), _row(["---"] * len(head))]
    for switch in SWITCHES:
        played = ["yes" if switch.played(place) else "no" for place in PLACES]
        accepts, default, harshest = values(switch)
        rows.append(_row([f"`{switch.name}`", switch.about, accepts, default or "none", harshest, *played]))
    return "".join(rows)


def _reasons() -> str:
    rows = ["## Where a switch cannot be played\n\n", _row(["reason", "switches"]), _row(["---", "---"])]
    by_reason: dict[str, list[str]] = {}
    for switch in SWITCHES:
        for place in PLACES:
            if not switch.played(place):
                by_reason.setdefault(switch.places[place], []).append(f"`{switch.name}` ({place})")
    return "".join([*rows, *(_row([reason, ", ".join(names)]) for reason, names in by_reason.items())])


def _sources() -> str:
    rows = [
        "## Sources, and questions to AWS\n\n",
        "A source without an address is the last part of the address of a page in AWS's documentation.\n\n",
        _row(["switch", "source", "question of `cronstack ask-aws`, or why it has none"]),
        _row(["---", "---", "---"]),
    ]
    for switch in SWITCHES:
        question = switch.asked if " " in switch.asked else f"`{switch.asked}`"
        rows.append(_row([f"`{switch.name}`", switch.source, question]))
    return "".join(rows)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    README.write_text(page(README.read_text("utf-8")), "utf-8")
