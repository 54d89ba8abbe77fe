"""The option ``--switch`` of commands that simulate AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

OPTION = "--switch"


def switch_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option. Its value is a tuple of valid texts."""
    add = click.option(OPTION, "switches", metavar="NAME=VALUE", multiple=True, callback=_check, help=_HELP)
    return add(command)


def _check(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    """Raise BadParameter for an invalid switch, before anything starts. Import nothing without a switch."""
    if texts:
        from cronstack.errors import DeclarationError
        from cronstack_infra.switches.parsing import read

        try:
            read(texts)
        except DeclarationError as fault:
            raise click.BadParameter(str(fault), context, option) from None
    return texts


_HELP = 'How to simulate AWS: NAME=VALUE, or "harshest" for all; may be repeated. See: cronstack switches.'
