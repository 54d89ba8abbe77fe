"""What becomes of a stack whose deployment fails, as requests ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError

EXPRESS: Final = "EXPRESS"
STANDARD: Final = "STANDARD"


@dataclass(frozen=True)
class Failing:
    """What becomes of a stack whose deployment fails."""

    rollback: bool = True
    """Put the old state back. Otherwise the stack stays as far as it came, until a retry or RollbackStack."""
    delete: bool = False
    """Delete a stack whose creation failed."""
    retain_except_on_create: bool = False
    """Delete also what the failed deployment created with the deletion policy Retain."""
    mode: str = STANDARD
    """STANDARD or EXPRESS. Express does not wait until resources are stable; here they are stable at once."""


def failing(
    config: Mapping[str, Any] | None, action: str | None, disable_rollback: bool | None, retain_except_on_create: Any
) -> Failing:
    """Return what DeploymentConfig, OnFailure, DisableRollback and RetainExceptOnCreate of a request ask for.

    Raises ValidationError when they contradict each other.
    """
    mode = str((config or {}).get("Mode") or STANDARD)
    if action is not None and disable_rollback is not None:
        raise ValidationError(message="You can specify either DisableRollback or OnFailure, but not both.")
    if action is not None:
        disable_rollback = action == "DO_NOTHING"
    elif disable_rollback is None:
        disable_rollback = bool((config or {}).get("DisableRollback", mode == EXPRESS))
    return Failing(not disable_rollback, action == "DELETE", bool(retain_except_on_create), mode)
