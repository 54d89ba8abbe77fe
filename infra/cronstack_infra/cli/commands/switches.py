"""``cronstack switches``: what AWS leaves open, and how each switch plays it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.switches.page import values
from cronstack_infra.switches.settings import Switches
from cronstack_infra.switches.table import PLACES, SWITCHES, Switch, switch_of


@click.command(short_help="List what AWS leaves open, and how to play it.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """List the switches: what AWS leaves open, and what the local cloud, tests and simulations play.

    With a NAME: all about that switch, where it cannot be played, and how AWS can be asked.

    \b
    cronstack switches
    cronstack switches past-at
    cronstack up --switch past-at=refused --switch early=60
    cronstack simulate --switch harshest
    """
    chosen = [_found(name) for name in names] or list(SWITCHES)
    if as_json:
        print_json([_fields(one) for one in chosen])
    elif names:
        click.echo("\n\n".join(_details(one) for one in chosen))
    else:
        print_table(("switch", "values", "default", "harshest", "not in"), map(_row, chosen))
        click.echo("\ncronstack switches NAME tells more. --switch harshest sets all of them.")


def _found(name: str) -> Switch:
    try:
        return switch_of(name)
    except KeyError:
        near = get_close_matches(name, [one.name for one in SWITCHES], cutoff=0.5)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.BadParameter(f"there is no switch {name!r}.{meant}", param_hint="NAME") from None


def _row(switch: Switch) -> tuple[str, ...]:
    return switch.name, *values(switch), ", ".join(place for place in PLACES if not switch.played(place))


def _details(switch: Switch) -> str:
    accepts, default, harshest = values(switch)
    lines = [
        click.style(switch.name, bold=True),
        f"  {switch.about}",
        f"  Values:   {accepts}. Default: {default or 'none'}. Harshest: {harshest}.",
        f"  Source:   {switch.source}",
        f"  Ask AWS:  {switch.asked}",
        *(f"  Not in {place}: {switch.places[place]}" for place in PLACES if not switch.played(place)),
    ]
    return "\n".join(lines)


def _fields(switch: Switch) -> dict[str, Any]:
    accepts, default, harshest = values(switch)
    value = getattr(Switches(), switch.field)
    return {
        "name": switch.name,
        "about": switch.about,
        "source": switch.source,
        "values": accepts,
        "default": value if isinstance(value, str | bool | int | float | None) else default,
        "harshest": switch.harshest if isinstance(switch.harshest, str | bool | int | float) else harshest,
        "places": {place: switch.played(place) for place in PLACES},
        "reasons": {place: switch.places[place] for place in PLACES if not switch.played(place)},
        "asked": switch.asked,
    }
