"""How the patches fit a version of moto: which still fit, which are no longer needed, and which break.

A patch fits if moto's member has the recorded signature and a probe still finds the defect. It is not needed if no
probe finds its defect. It breaks if the member is missing or differs, if a probe raises an exception, or if the module
with the replacement cannot be imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cronstack.errors import CronstackError
from cronstack_infra.local.moto.patch import ABSENT, Patch
from cronstack_infra.local.patches import table
from cronstack_infra.local.patches.probing import GONE, PRESENT

FITS: Final = "fits"
NOT_NEEDED: Final = "not needed"
BREAKS: Final = "breaks"
STATES: Final = (FITS, NOT_NEEDED, BREAKS)

_TIME_LIMIT: Final = 300.0
_LAST: Final = 12
"""Lines of a failed child's output in the error message."""


@dataclass(frozen=True)
class PatchRow:
    """A patch, and how it fits one version of moto."""

    patch: Patch
    state: str
    notes: tuple[str, ...]
    """Reasons why the patch breaks, or those of several defects that are gone."""

    def as_json(self) -> dict[str, Any]:
        return {
            "member": self.patch.member,
            "kind": self.patch.kind,
            "signature": self.patch.signature,
            "reason": self.patch.reason,
            "probes": list(self.patch.probes),
            "state": self.state,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class PatchReport:
    """All rows for one version of moto."""

    moto: str
    rows: tuple[PatchRow, ...]

    @property
    def fits(self) -> bool:
        return all(row.state == FITS for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        return {"moto": self.moto, "patches": [row.as_json() for row in self.rows]}

    def lines(self) -> list[str]:
        """Return the report as text: four lines for each patch, and a summary."""
        return [*(line for row in self.rows for line in _text(row)), *self.summary()]

    def summary(self) -> list[str]:
        count = Counter(row.state for row in self.rows)
        parts = ", ".join(f"{count[state]} {state if state != FITS else 'fit'}" for state in STATES if count[state])
        return [f"moto {self.moto}: {len(self.rows)} patches, {parts}"]


def report(folder: Path | None = None) -> PatchReport:
    """Examine the installed moto, or the one in a folder. Raise CronstackError if the examination ends early."""
    modules = {module.__name__: table.rows((module,)) for module in table.modules()}
    patches = [patch for rows in modules.values() for patch in rows]
    answer = _examine(
        {
            "members": [[patch.owner, patch.name] for patch in patches],
            "probes": sorted({name for patch in patches for name in patch.probes}),
            "modules": list(modules),
        },
        folder,
    )
    return PatchReport(
        answer["moto"], tuple(compare(patch, answer, module) for module, rows in modules.items() for patch in rows)
    )


def compare(patch: Patch, answer: Mapping[str, Any], module: str) -> PatchRow:
    """Compare one patch with the answer of ``probing``."""
    signature = answer["signatures"][patch.member]
    faults = []
    if signature == ABSENT != patch.signature:
        faults.append(f"moto has no {patch.member}")
    elif signature != patch.signature:
        faults.append(f"signature: {signature}, expected {patch.signature}")
    if fault := answer["modules"].get(module):
        faults.append(f"{module}: {fault}")
    results = {name: answer["probes"][name] for name in patch.probes}
    faults += [f"{name}: {result}" for name, result in results.items() if result not in (PRESENT, GONE)]
    if faults:
        return PatchRow(patch, BREAKS, tuple(faults))
    gone = tuple(f"no longer so: {name}" for name, result in results.items() if result == GONE)
    return PatchRow(patch, NOT_NEEDED if len(gone) == len(results) else FITS, gone)


def _examine(request: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Run ``probing`` in a child process, with the folder first on its path."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    if folder is not None:
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), environ.get("PYTHONPATH"))))
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "cronstack_infra.local.patches.probing"],
            input=json.dumps(request),
            env=environ,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
        )
    except subprocess.TimeoutExpired as late:
        raise CronstackError(
            f"the probes of moto did not end within {_TIME_LIMIT:.0f} s", remedy="Try again."
        ) from late
    if child.returncode != 0:
        output = "\n    ".join(child.stderr.splitlines()[-_LAST:])
        raise CronstackError(
            f"this version of moto cannot be examined:\n    {output}",
            remedy="Choose a version that Python can import.",
        )
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def _text(row: PatchRow) -> Sequence[str]:
    return (
        f"{row.state}: {row.patch.member}" + (" (added)" if row.patch.kind == "added" else ""),
        f"  reason  {row.patch.reason}",
        f"  probe   {', '.join(row.patch.probes)}",
        *(f"  note    {note}" for note in row.notes),
    )
