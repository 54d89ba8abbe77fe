"""Each patch of moto still fits the installed moto and is still needed: its probes find the defects."""

from __future__ import annotations

import pytest

from cronstack_infra.local.moto.patch import Patch
from cronstack_infra.local.patches import probes
from cronstack_infra.local.patches.report import FITS, PatchReport, report
from cronstack_infra.local.patches.table import table


@pytest.fixture(scope="module")
def installed() -> PatchReport:
    """Return the report of a separate process without patches."""
    return report()


@pytest.mark.parametrize("patch", table(), ids=lambda patch: f"{patch.member}{' over' * patch.over}")
def test_moto_still_has_the_defects_of_a_patch(patch: Patch, installed: PatchReport) -> None:
    (row,) = (row for row in installed.rows if row.patch is patch)
    assert (row.state, row.notes) == (FITS, ()), f"moto differs: change or remove the patch. {patch.reason}"


def test_the_table_names_all_probes_and_no_others() -> None:
    named = {name for patch in table() for name in patch.probes}
    assert named == set(probes.load())


def test_two_probes_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two probes are named send_message_invokes"):

        @probes.probe
        def send_message_invokes() -> bool:
            return True
