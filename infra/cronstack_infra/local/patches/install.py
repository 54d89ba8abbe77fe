"""Functions that apply the table of patches, for ``local.cloud`` and ``play.simulation.cloud``."""

from __future__ import annotations

from collections.abc import Sequence

from cronstack_infra.local.moto import patch
from cronstack_infra.local.moto.documents import parsed_once
from cronstack_infra.local.moto.patch import Applied
from cronstack_infra.local.moto.surroundings import PatchParameters
from cronstack_infra.local.patches import table


def install(around: PatchParameters) -> None:
    """Apply all patches except those of CloudFormation and of this process's own requests."""
    patch.apply(table.rows(table.services()), around)


def install_cloudformation(around: PatchParameters) -> None:
    """Apply the patches of CloudFormation. Importing them imports nearly all of moto."""
    with parsed_once():
        patch.apply(table.rows(table.stacks()), around)


def install_in_process(around: PatchParameters) -> None:
    """Apply the patches that answer the requests of this process."""
    patch.apply(table.rows(table.in_process()), around)


def uninstall() -> Sequence[Applied]:
    """Restore moto as installed. Return the patches for ``reinstall``."""
    return patch.unpatch()


def reinstall(removed: Sequence[Applied]) -> None:
    patch.repatch(removed)
