"""One finding of a check. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Severity = Literal["error", "warning", "unchecked"]
"""error: work is lost, or does not run. warning: it may be soon. unchecked: a right is missing, so the check could not
look."""
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "unchecked")
"""The most urgent first."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with its remedy."""

    severity: Severity
    where: str
    """The resource, job or machine."""
    what: str
    why: str
    """What may happen if nothing is done."""
    remedy: str
    """A command where one exists."""
    check: str = ""
    """Name of the check."""

    def as_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "severity": self.severity,
            "where": self.where,
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
        }


def by_urgency(finding: Finding) -> tuple[int, str, str, str]:
    """Sort key: the most urgent findings first."""
    return SEVERITIES.index(finding.severity), finding.check, finding.where, finding.what
