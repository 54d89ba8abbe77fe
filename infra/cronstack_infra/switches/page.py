"""The README of this folder, written from the table. ``python -m cronstack_infra.switches.page`` writes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cronstack_infra.switches.reading import accepted, shown
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
    """Return the README with the tables of today; ``text`` is the present one."""
    return f"{text.partition(BEGIN)[0]}{BEGIN}\n\n{_table()}\n{_reasons()}\n{_sources()}"


def values(switch: Switch) -> tuple[str, str, str]:
    """Return what a switch accepts, its default and its harshest setting, as text."""
    return accepted(switch.field), shown(getattr(Switches(), switch.field)), shown(switch.harshest)


def _table() -> str:
    head = ["switch", "what AWS leaves open", "values", "default", "harshest", *(_SHORT[place] for place in PLACES)]
    rows = [_row(head), _row(["---"] * len(head))]
    for one in SWITCHES:
        played = ["yes" if one.played(place) else "no" for place in PLACES]
        accepts, default, harshest = values(one)
        rows.append(_row([f"`{one.name}`", one.about, accepts, default or "none", harshest, *played]))
    return "".join(rows)


def _reasons() -> str:
    rows = ["## Where a switch cannot be played\n\n", _row(["reason", "switches"]), _row(["---", "---"])]
    found: dict[str, list[str]] = {}
    for one in SWITCHES:
        for place in PLACES:
            if not one.played(place):
                found.setdefault(one.places[place], []).append(f"`{one.name}` ({place})")
    return "".join([*rows, *(_row([reason, ", ".join(names)]) for reason, names in found.items())])


def _sources() -> str:
    rows = [
        "## Sources, and how to ask AWS\n\n",
        "A source without an address is a page of AWS's documentation, by the name in its address.\n\n",
        _row(["switch", "source", "question of `cronstack ask-aws`, or why there is none"]),
        _row(["---", "---", "---"]),
    ]
    for one in SWITCHES:
        asked = one.asked if " " in one.asked else f"`{one.asked}`"
        rows.append(_row([f"`{one.name}`", one.source, asked]))
    return "".join(rows)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    README.write_text(page(README.read_text("utf-8")), "utf-8")
