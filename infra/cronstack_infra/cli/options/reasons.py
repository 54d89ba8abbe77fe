"""The option ``--reason`` of commands that change something, and the record that they write first."""

from __future__ import annotations

from typing import Any, Final

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud
from cronstack_infra.ops.audit import Action, announce
from cronstack_infra.ops.deployment import Deployment

LONGEST: Final = 300
"""Most characters of a reason, so that the row of an action stays within one write unit."""


def _checked(ctx: click.Context, param: click.Parameter, text: str) -> str:
    if len(text) > LONGEST:
        raise click.BadParameter(f"it has {len(text)} characters; the limit is {LONGEST}. Refer to a ticket instead.")
    return text


reason_option = click.option(
    "--reason",
    metavar="TEXT",
    default="",
    callback=_checked,
    help="Why. The ledger keeps it with who and when: cronstack audit.",
)


def announce_action(
    cloud: SelectedCloud, deployment: Deployment, job: str, action: str, reason: str, **details: Any
) -> Action:
    """Record the action before it is carried out. ``job``: "" for the stack. Details of None are left out.

    Raise OperationError if that fails.
    """
    given = {name: value for name, value in details.items() if value not in (None, "", False)}
    return announce(cloud, deployment, job, action, now=clock.now(), reason=reason, details=given)
