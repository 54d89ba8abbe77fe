"""Deliveries of schedules and rules to their targets, and the outcomes for the engine.

Scheduler assumes the schedule's role for each call. A rule's target without a role relies on its own policy; see
``rule_targets``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from cronstack_infra.local.effects import rule_targets, targets
from cronstack_infra.local.effects.cached_lookups import Lookups
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.port import Drive
from cronstack_infra.local.engine.values import Deliver, TargetError, is_rule
from cronstack_infra.local.extras import universal_targets
from cronstack_infra.local.lookups.functions import qualified

OWN_FAULT: Final = TargetError(
    "AWS.Scheduler.InternalServerError", "Unexpected error occurred while processing the request", 500
)


class Deliveries:
    """Deliveries of one cloud. ``accept`` queues a function's event, ``note`` reports differences from AWS."""

    def __init__(
        self,
        engine: Engine,
        drive: Drive,
        lookups: Lookups,
        *,
        accept: Callable[[str, str], str],
        note: Callable[[str], None],
    ) -> None:
        self._engine, self._drive, self._lookups, self._accept, self._note = engine, drive, lookups, accept, note

    def new_since(self) -> datetime | None:
        """Return the time since which created roles cannot be assumed yet. None: all roles can."""
        delay = self._engine.switches.role_delay
        return self._drive.now() - timedelta(seconds=delay) if delay else None

    def deliver(self, deliver: Deliver) -> None:
        """Call the target once and report the outcome to the engine; for a universal target, after the call."""
        known = self._lookups.allowed(deliver)
        if known is not None:
            self._accept(known, deliver.payload)
            self._engine.delivered(deliver.delivery)
            return
        try:
            if is_rule(deliver.schedule_arn):
                rule_targets.deliver(deliver, self._accept, self._note)
            elif universal_targets.is_universal(deliver.target.arn):
                self._call(deliver)
                return
            else:
                self._deliver_templated(deliver)
        except targets.TargetRefused as refused:
            self._engine.refused(deliver.delivery, refused.refusal, self._drive.now())
        except Exception as fault:  # without an outcome the engine would wait forever
            self._fail(deliver, fault)
        else:
            self._engine.delivered(deliver.delivery)

    def _deliver_templated(self, deliver: Deliver) -> None:
        arn = deliver.target.arn
        service = arn.split(":")[2]
        targets.require_trust(deliver, self.new_since())
        if service == "lambda":
            targets.require(deliver.target.role_arn, "lambda:InvokeFunction", arn, "AccessDeniedException")
            targets.require_function(arn)
            self._accept(qualified(arn), deliver.payload)
            self._lookups.allow(deliver, qualified(arn))
        elif service == "sqs":
            targets.deliver_to_queue(deliver)
        elif service == "sns":
            targets.deliver_to_topic(deliver)
        else:
            raise targets.TargetRefused(TargetError("ValidationException", f"not a supported target: {arn}", 400))

    def _call(self, deliver: Deliver) -> None:
        """Call a universal target, through the drive."""
        arn = deliver.target.arn
        targets.require_trust(deliver, self.new_since())
        targets.require(deliver.target.role_arn, universal_targets.permission_of(arn), None, "AccessDeniedException")

        def on_result(result: TargetError | Exception | None) -> None:
            if result is None:
                self._engine.delivered(deliver.delivery)
            elif isinstance(result, Exception):
                self._fail(deliver, result)
            else:
                self._engine.refused(deliver.delivery, result, self._drive.now())

        self._drive.call(deliver, on_result)

    def _fail(self, deliver: Deliver, fault: Exception) -> None:
        """Report a fault of moto or of Cronstack, and refuse the delivery with AWS's internal error."""
        self._drive.report("fault", error=f"{type(fault).__name__}: {fault}", schedule=deliver.schedule_arn)
        self._engine.refused(deliver.delivery, OWN_FAULT, self._drive.now())
