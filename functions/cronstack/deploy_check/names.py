"""Properties of the custom resource, and variables of its function. The template writes them, the check reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

JOBS: Final = "Jobs"
"""Property: names of the declared jobs."""
BY_CODE: Final = "ByCode"
"""Property: names of the declared jobs with ``once()``."""
KEPT: Final = "Kept"
"""Property: names of jobs that are not declared any more, but whose roles the stack keeps."""
RETAINED_ONCE: Final = "KeptOnce"
"""Property: names of jobs without ``once()`` whose plans still run."""
REGARDLESS: Final = "EvenIfWaiting"
"""Property: names of jobs that may be removed although something waits, or ALL."""
ALL: Final = "all"

LEDGER: Final = "CRONSTACK_LEDGER"
CARRIERS: Final = "CRONSTACK_CARRIERS"
PLANS_GROUP: Final = "CRONSTACK_PLANS_GROUP"
QUEUES: Final = "CRONSTACK_QUEUES"
"""Variable: URLs of the two queues of dead letters, with a space between them."""
DELETE_UNTIL: Final = "CRONSTACK_DELETE_UNTIL"
"""Variable: epoch seconds until which a deletion is accepted, whatever waits. ``cronstack cdk`` sets it."""


def listed(properties: Mapping[str, Any], name: str) -> list[str]:
    value = properties.get(name)
    return [str(job) for job in value] if isinstance(value, list) else []


def regardless(properties: Mapping[str, Any]) -> set[str]:
    return {name.strip() for name in str(properties.get(REGARDLESS) or "").split(",")} - {""}
