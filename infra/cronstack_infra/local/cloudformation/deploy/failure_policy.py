"""The options of a request for a failed deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError

EXPRESS: Final = "EXPRESS"
STANDARD: Final = "STANDARD"


@dataclass(frozen=True)
class FailurePolicy:
    """How to handle a failed deployment of a stack."""

    rollback: bool = True
    """Restore the old state. Otherwise the stack keeps its partial state until a retry or RollbackStack."""
    delete: bool = False
    """Delete a stack whose creation failed."""
    retain_except_on_create: bool = False
    """Delete also resources with the deletion policy Retain that the failed deployment created."""
    mode: str = STANDARD
    """STANDARD or EXPRESS. Express does not wait until resources are stable; local resources are stable at once."""


def failure_policy(
    config: Mapping[str, Any] | None, action: str | None, disable_rollback: bool | None, retain_except_on_create: Any
) -> FailurePolicy:
    """Return the policy that DeploymentConfig, OnFailure, DisableRollback and RetainExceptOnCreate define.

    Raise ValidationError if they contradict each other.
    """
    mode = str((config or {}).get("Mode") or STANDARD)
    if action is not None and disable_rollback is not None:
        raise ValidationError(message="You can specify either DisableRollback or OnFailure, but not both.")
    if action is not None:
        disable_rollback = action == "DO_NOTHING"
    elif disable_rollback is None:
        disable_rollback = bool((config or {}).get("DisableRollback", mode == EXPRESS))
    return FailurePolicy(not disable_rollback, action == "DELETE", bool(retain_except_on_create), mode)
