"""Batches of SQS: only the invalid entries of a batch fail.

A FIFO queue accepts or refuses a batch as a whole; ``refusals`` checks that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.sqs.models import Queue

from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by
from cronstack_infra.local.refusals.messages import check_entry_with_handle, check_sent_entry
from cronstack_infra.local.refusals.refusal import ApiError

Check = Callable[[Mapping[str, Any], int, Queue], None]


def _sent(send: Any, self: Any) -> ActionResult:
    valid, failed = _checked(self, check_sent_entry)
    if not valid:
        return ActionResult({"Successful": [], "Failed": failed})
    self.params["Entries"] = valid
    result: Any = send(self).result
    return ActionResult({"Successful": result["Successful"], "Failed": [*result["Failed"], *failed]})


def _deleted(self: Any) -> ActionResult:
    return _handled(self, self.sqs_backend.delete_message_batch)


def _changed(self: Any) -> ActionResult:
    return _handled(self, self.sqs_backend.change_message_visibility_batch)


def _handled(self: Any, by: Callable[..., tuple[list[str], list[dict[str, Any]]]]) -> ActionResult:
    valid, failed = _checked(self, check_entry_with_handle)
    done, also_failed = by(privates.queue_name(self), valid)
    return ActionResult({"Successful": [{"Id": key} for key in done], "Failed": [*failed, *also_failed]})


def _checked(self: Any, check: Check) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the valid entries, and the failures in the form of the response."""
    queue = self.sqs_backend.get_queue(privates.queue_name(self))
    valid, failed = [], []
    for number, entry in enumerate(privates.parameter(self, "Entries", []), 1):
        try:
            check(entry, number, queue)
        except ApiError as refusal:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": refusal.code, "Message": refusal.message})
        else:
            valid.append(entry)
    return valid, failed


_RESPONSE: Final = "moto.sqs.responses:SQSResponse"

PATCHES: Final = (
    Patch(
        _RESPONSE,
        "send_message_batch",
        "(self)",
        "One bad entry makes the whole batch fail.",
        "one_bad_entry_fails_the_whole_batch",
        wrapped_by(_sent),
    ),
    Patch(
        _RESPONSE,
        "delete_message_batch",
        "(self)",
        "Two entries with one receipt handle make the whole batch fail.",
        "two_entries_with_one_handle_fail_the_batch",
        replaced_by(_deleted),
    ),
    Patch(
        _RESPONSE,
        "change_message_visibility_batch",
        "(self)",
        "An entry with a visibility timeout below zero succeeds.",
        "a_batch_accepts_a_negative_timeout",
        replaced_by(_changed),
    ),
)
