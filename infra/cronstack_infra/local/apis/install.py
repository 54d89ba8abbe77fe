"""The one list of what the local cloud replaces in moto. ``local.cloud`` and ``play.simulation.cloud`` both use it.

``patches.table`` lists the patches that need nothing of the engine; the other modules get the engine's port.
"""

from __future__ import annotations

from cronstack_infra.local import event_sources, lambdas, mend, notifications, rules, schedules
from cronstack_infra.local.engine.port import EnginePort
from cronstack_infra.local.patches import patch, table
from cronstack_infra.local.patches.surroundings import Surroundings


def install(port: EnginePort, around: Surroundings) -> None:
    """Replace all but CloudFormation."""
    patch.apply(table.rows(table.services()), around)
    schedules.install(port)
    rules.install(port)
    lambdas.install(port)
    event_sources.install(port)
    notifications.install(port)


def install_cloudformation(around: Surroundings) -> None:
    """Replace CloudFormation's members, which imports nearly all of moto."""
    patch.apply(table.rows(table.stacks()), around)


def uninstall() -> None:
    """Restore moto as installed."""
    mend.restore()
    patch.unpatch()
