"""Store incidents and publish their notifications, in the order of ``incidents``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cronstack.ledger.watch_rows import IncidentItem, write_incident
from cronstack.watchdog.incidents import KEPT, next_step
from cronstack.watchdog.reading import Reading
from cronstack.watchdog.scene import SECOND, Finding, Scene
from cronstack.watchdog.texts import notice


class Notifier:
    """The writes of one pass. ``now``: epoch milliseconds. ``zones``: time zone of each job."""

    def __init__(
        self, reading: Reading, scene: Scene, zones: Mapping[str, str], now: int, ulid: Callable[[], str]
    ) -> None:
        self._reading, self._scene, self._zones, self._now, self._ulid = reading, scene, zones, now, ulid
        self.opened = self.notified = self.cleared = 0
        self.fault: Exception | None = None
        """The first failure of SNS. The incident stays pending, so the next pass publishes it."""

    def settle(
        self, row: IncidentItem | None, finding: Finding | None, *, judged: bool, superseded: bool = False
    ) -> IncidentItem | None:
        """Carry out all steps of one incident. Return its row afterwards."""
        while True:
            step = next_step(row, finding, judged=judged, superseded=superseded, now=self._now, ulid=self._ulid)
            if step is None:
                return row
            if step.publish:
                assert row is not None, "only a row has something pending"
                if not self._publish(row, step.publish):
                    return row
            item, ttl = step.item, 0
            if item.status == "cleared":
                ttl = (self._now + KEPT) // SECOND
            if not self._reading.write(write_incident(self._scene.ledger, item, ttl=ttl)):
                return row  # an operator or another pass has changed it: the next pass decides
            self.opened += step.opens
            self.cleared += step.clears
            row = item._replace(revision=item.revision + 1)

    def _publish(self, row: IncidentItem, kind: str) -> bool:
        """Publish a notification. Return False if that failed."""
        if not self._scene.topic:
            return True
        text = notice(kind, row, self._scene.stack, self._zones.get(row.job, "UTC"), self._now)
        attributes = {"incident": row.id, "cause": row.cause, "kind": kind, "stack": self._scene.stack, "job": row.job}
        values: dict[str, Any] = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        }
        try:
            self._reading.call(
                "sns",
                "publish",
                TopicArn=self._scene.topic,
                Subject=text.subject,
                Message=text.body,
                MessageAttributes=values,
            )
        except Exception as fault:  # boto3 makes its exception classes at run time; raised after the pass
            self.fault = self.fault or fault
            return False
        self.notified += 1
        return True
