"""From declarations to a template: the stack, its constructs, and the code package.

The public names are imported lazily: aws_cdk takes seconds to load, and an invalid declaration is reported before that.
aws_cdk starts a Node process, so the first use of a public name chooses which Node.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cronstack_infra.toolchain.node import set_jsii_node

if TYPE_CHECKING:
    from cronstack_infra.aws.entry import Synthesis, entry
    from cronstack_infra.aws.scheduled_function import ScheduledFunction
    from cronstack_infra.aws.stack import CronstackStack

__all__ = ["CronstackStack", "ScheduledFunction", "Synthesis", "entry"]

_MODULE_OF = {
    "CronstackStack": "stack",
    "ScheduledFunction": "scheduled_function",
    "Synthesis": "entry",
    "entry": "entry",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module 'cronstack_infra.aws' has no attribute {name!r}")
    set_jsii_node(os.environ)  # before the module below imports aws_cdk
    # ``entry`` is a module and a function: importing the module binds the name, so the function must replace it.
    value = getattr(import_module(f"cronstack_infra.aws.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
