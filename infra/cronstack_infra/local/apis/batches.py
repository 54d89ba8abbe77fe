"""Batches of SQS: an invalid entry fails by itself, and the other entries are carried out.

A FIFO queue accepts or refuses a batch as a whole; ``refusals`` checks that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.sqs.models import Queue

from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by
from cronstack_infra.local.refusals.messages import check_handled_entry, check_sent_entry
from cronstack_infra.local.refusals.refusal import Refusal

Check = Callable[[Mapping[str, Any], int, Queue], None]


def _sent(send: Any, self: Any) -> ActionResult:
    good, failed = _sorted(self, check_sent_entry)
    if not good:
        return ActionResult({"Successful": [], "Failed": failed})
    self.params["Entries"] = good
    told: Any = send(self).result
    return ActionResult({"Successful": told["Successful"], "Failed": [*told["Failed"], *failed]})


def _deleted(self: Any) -> ActionResult:
    return _handled(self, self.sqs_backend.delete_message_batch)


def _changed(self: Any) -> ActionResult:
    return _handled(self, self.sqs_backend.change_message_visibility_batch)


def _handled(self: Any, by: Callable[..., tuple[list[str], list[dict[str, Any]]]]) -> ActionResult:
    good, failed = _sorted(self, check_handled_entry)
    done, also_failed = by(privates.queue_name(self), good)
    return ActionResult({"Successful": [{"Id": key} for key in done], "Failed": [*failed, *also_failed]})


def _sorted(self: Any, check: Check) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return the valid entries, and the failures as the answer lists them."""
    queue = self.sqs_backend.get_queue(privates.queue_name(self))
    good, failed = [], []
    for number, entry in enumerate(privates.parameter(self, "Entries", []), 1):
        try:
            check(entry, number, queue)
        except Refusal as why:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": why.code, "Message": why.message})
        else:
            good.append(entry)
    return good, failed


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
