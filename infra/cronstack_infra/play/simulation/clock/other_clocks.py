"""Refuse to play while another tool replaces this process's clock: handlers would read its time, not the cloud's."""

from __future__ import annotations

import datetime
import sys
from typing import Any

import time_machine

from cronstack.errors import OperationError

REMEDY = (
    "Remove it from this test. Set the cloud's clock with @pytest.mark.cronstack(start=…), cloud.at(…) or"
    " cloud.advance(…); every clock of the process shows that time."
)


def refuse_freezegun() -> None:
    """Raise OperationError while ``freezegun.freeze_time`` is active."""
    if "freezegun" in sys.modules and datetime.datetime.__name__ == "FakeDatetime":
        raise OperationError("freezegun's freeze_time is active, and the cloud has a clock of its own", remedy=REMEDY)


def refuse_travel(own: Any) -> None:
    """Raise OperationError while a ``time_machine.travel`` other than the cloud's ``own`` traveller is active."""
    if time_machine.traveller_stack[-1] is not own:
        raise OperationError("time_machine.travel is active, and the cloud has a clock of its own", remedy=REMEDY)
