"""The option ``--switch`` of commands that play AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

OPTION = "--switch"


def switch_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option. Its value is a tuple of texts, which ``check_switches`` has read."""
    add = click.option(OPTION, "switches", metavar="NAME=VALUE", multiple=True, callback=_check, help=_HELP)
    return add(command)


def _check(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an invalid switch before anything is started. Nothing is imported without one."""
    if given:
        from cronstack.errors import DeclarationError
        from cronstack_infra.switches.reading import read

        try:
            read(given)
        except DeclarationError as wrong:
            raise click.BadParameter(str(wrong), context, option) from None
    return given


_HELP = 'How AWS is played: NAME=VALUE, or "harshest" for all; may be repeated. See: cronstack switches.'
