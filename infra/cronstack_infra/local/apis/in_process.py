"""Requests of this process: in a simulation, moto's stubber is replaced by one with virtual time and faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cronstack_infra.local.moto.patch import Patch
from cronstack_infra.local.moto.surroundings import PatchParameters


def _answering(_: object, around: PatchParameters) -> Callable[..., Any]:
    def stub(stubber: Any, event_name: str, request: Any, **given: Any) -> Any:
        return around.answer(stubber, event_name, request) if stubber.enabled else None

    return stub


PATCHES: Final = (
    Patch(
        "moto.core.botocore_stubber:BotocoreStubber",
        "__call__",
        "(self, event_name, request, **kwargs)",
        "A call takes no virtual time and never fails; a service that moto lacks gets an empty 404.",
        ("a_call_takes_no_time", "an_unknown_service_gets_an_empty_404"),
        _answering,
    ),
)
