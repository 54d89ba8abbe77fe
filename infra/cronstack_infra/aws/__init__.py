"""From declarations to a template: the stack, its constructs, and the code that goes with it.

The face is lazy, because aws_cdk takes seconds to load and a wrong declaration is reported before that. aws_cdk starts
a Node process, so the first use of the face chooses which Node.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cronstack_infra.toolchain.node import give_jsii_our_node

if TYPE_CHECKING:
    from cronstack_infra.aws.entry import Entry, entry
    from cronstack_infra.aws.scheduled_function import ScheduledFunction
    from cronstack_infra.aws.stack import CronstackStack

__all__ = ["CronstackStack", "Entry", "ScheduledFunction", "entry"]

_ROOM_OF = {
    "CronstackStack": "stack",
    "ScheduledFunction": "scheduled_function",
    "Entry": "entry",
    "entry": "entry",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _ROOM_OF:
        raise AttributeError(f"module 'cronstack_infra.aws' has no attribute {name!r}")
    give_jsii_our_node(os.environ)  # before the module below imports aws_cdk
    # ``entry`` is a room and a function: importing the room binds it here, so the function must come after it.
    value = getattr(import_module(f"cronstack_infra.aws.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value
