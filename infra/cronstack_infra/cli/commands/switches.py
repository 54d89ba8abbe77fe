"""``cronstack switches``: what the documentation of AWS leaves open, and how each switch simulates it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.switches.page import values
from cronstack_infra.switches.settings import Switches
from cronstack_infra.switches.table import PLACES, SWITCHES, Switch, switch_of


@click.command(short_help="List undocumented AWS behaviour, and how to simulate it.")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(names: tuple[str, ...], as_json: bool) -> None:
    """List the switches: what the documentation of AWS leaves open, and what local cloud, tests and simulations do.

    With NAME: all details of that switch, where it cannot be simulated, and how to test it on AWS.

    \b
    cronstack switches
    cronstack switches past-at
    cronstack up --switch past-at=refused --switch early=60
    cronstack simulate --switch harshest
    """
    chosen = [_switch(name) for name in names] or list(SWITCHES)
    if as_json:
        print_json([_fields(switch) for switch in chosen])
    elif names:
        click.echo("\n\n".join(_details(switch) for switch in chosen))
    else:
        print_table(("switch", "values", "default", "harshest", "not in"), map(_row, chosen))
        click.echo("\nFor details: cronstack switches NAME. --switch harshest sets all of them.")


def _switch(name: str) -> Switch:
    try:
        return switch_of(name)
    except KeyError:
        near = get_close_matches(name, [switch.name for switch in SWITCHES], cutoff=0.5)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.BadParameter(f"unknown switch {name!r}.{hint}", param_hint="NAME") from None


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
