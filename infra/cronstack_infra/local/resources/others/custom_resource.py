"""Custom resources backed by Lambda: their function runs, and what it answers decides.

    create, update, delete ──event with a ResponseURL──▶ the function ──PUT──▶ ``http.resource_answers``
                           ◀──Status, Reason, PhysicalResourceId, Data────────────────┘

An update whose answer has another PhysicalResourceId is a replacement: the old one is deleted in the cleanup.

Two differences from AWS, in favour of the person who waits. A function that fails ends the deployment at once; on AWS
it is invoked twice more, and CloudFormation waits until the ServiceTimeout. And the ResponseURL is plain http.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError

from cronstack.entropy import SYSTEM
from cronstack_infra.local.http import resource_answers
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.local.resources.api import api
from cronstack_infra.local.resources.resource import Properties, Resource

KIND: Final = "AWS::CloudFormation::CustomResource"
PREFIX: Final = "Custom::"
LONGEST: Final = 3600.0
"""Seconds for which CloudFormation waits, unless ServiceTimeout says less."""
_LOOK: Final = 0.5


def is_custom(kind: str) -> bool:
    return kind == KIND or kind.startswith(PREFIX)


class NotCreated(ValidationError):
    """A creation that failed. ``left`` is what the function has to delete."""

    def __init__(self, reason: str, left: CustomResource) -> None:
        super().__init__(message=reason)
        self.left = left


class CustomResource(Resource):
    """A resource that a function of the user's makes."""

    kind = KIND

    def __init__(self, name: str, properties: Properties, account: str, region: str) -> None:
        super().__init__(name, properties, account, region)
        self.stack_id, self.logical_id, self.resource_type = "", "", KIND
        self.data: Properties = {}
        self.no_echo = False
        self.attempted: Properties | None = None
        """The properties of an update that failed. The update back is told them as the old ones."""

    @classmethod
    def why_not(cls, properties: Mapping[str, Any]) -> str | None:
        return None if properties.get("ServiceToken") else "it has no ServiceToken"

    def attributes(self) -> Mapping[str, str]:
        return self.data

    @property
    def secrets(self) -> set[str]:
        """Values that DescribeChangeSet must not show."""
        return {str(value) for value in self.data.values() if str(value)} if self.no_echo else set()

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        LogicalId: str = "",
        StackId: str = "",
        ResourceType: str = KIND,
        **_: Any,
    ) -> CustomResource:
        made = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        made.stack_id, made.logical_id, made.resource_type = StackId, LogicalId, ResourceType
        made.create()
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> CustomResource:
        made = cls(original_resource.name, cloudformation_json["Properties"], account_id, region_name)
        made.stack_id, made.logical_id = original_resource.stack_id, original_resource.logical_id
        made.resource_type = original_resource.resource_type
        old = original_resource.properties if original_resource.attempted is None else original_resource.attempted
        original_resource.attempted = made.properties
        made.update(old)
        original_resource.attempted = None
        return made

    def create(self) -> None:
        self._check_token()
        try:
            self._take(self._ask("Create", {}))
        except ValidationError as fault:
            raise NotCreated(str(fault.message), self) from fault

    def update(self, old: Properties) -> None:
        if old.get("ServiceToken") != self.properties.get("ServiceToken"):
            raise ValidationError(message="Modifying service token is not allowed.")
        self._take(self._ask("Update", {"OldResourceProperties": texts(old), "PhysicalResourceId": self.name}))

    def remove(self) -> None:
        self._ask("Delete", {"PhysicalResourceId": self.name})

    def _take(self, answer: Mapping[str, Any]) -> None:
        data = answer.get("Data")
        self.data = dict(data) if isinstance(data, Mapping) else {}
        self.no_echo = str(answer.get("NoEcho", False)).lower() == "true"

    def _ask(self, request_type: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the function and return its answer. Raises ValidationError with the reason of a failure."""
        token, question = str(self.properties["ServiceToken"]), f"{SYSTEM.getrandbits(128):032x}"
        if ":function:" not in token:
            raise ValidationError(
                message=f"The local cloud asks functions of Lambda only, not the ServiceToken {token}"
            )
        event = {
            "RequestType": request_type,
            "ServiceToken": token,
            "ResponseURL": resource_answers.ask(question),
            "StackId": self.stack_id,
            "RequestId": question,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.resource_type,
            "ResourceProperties": texts(self.properties),
            **more,
        }
        try:
            body = _Call(token, self.region, json.dumps(event), question).answer(self._patience)
        finally:
            resource_answers.forget(question)
        return self._judged(body, event)

    def _check_token(self) -> str:
        token = str(self.properties["ServiceToken"])
        if ":function:" not in token:
            raise ValidationError(
                message=f"The local cloud asks functions of Lambda only, not the ServiceToken {token}"
            )
        return token

    @property
    def _patience(self) -> float:
        return min(LONGEST, float(self.properties.get("ServiceTimeout") or LONGEST))

    def _judged(self, body: bytes, event: Mapping[str, Any]) -> Mapping[str, Any]:
        if len(body) > resource_answers.LARGEST:
            raise ValidationError(message="Response object is too long.")
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("Status") not in ("SUCCESS", "FAILED"):
            raise ValidationError(message="Invalid Json: expected an object with a Status of SUCCESS or FAILED")
        if (physical := str(answer.get("PhysicalResourceId") or "")) and event["RequestType"] != "Delete":
            self.name = physical
        if answer["Status"] == "FAILED":
            reason, request = answer.get("Reason") or "Unknown", event["RequestId"]
            raise ValidationError(
                message="Received response status [FAILED] from custom resource. Message returned:"
                f" {reason} (RequestId: {request})"
            )
        if not physical:
            raise ValidationError(message="Vendor response doesn't contain PhysicalResourceId attribute")
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            if answer.get(name) != event[name]:
                raise ValidationError(message=f"Invalid {name} in the answer: {answer.get(name)!r}")
        return answer


class _Call:
    """One invocation of the function, and the wait for its answer.

    Beside a server the invocation has a thread of its own: an answer may come before its end, or after it, from
    another function. Otherwise (in virtual time) it is made here, and must have answered when it ends.
    """

    def __init__(self, token: str, region: str, event: str, question: str) -> None:
        self._token, self._region, self._event, self._question = token, region, event, question
        self._fault = ""
        self._waited = 0.0

    def answer(self, patience: float) -> bytes:
        if resource_answers.is_served():
            threading.Thread(target=self._invoke_beside, name="custom-resource", daemon=True).start()
            self._wait(patience)
        else:
            self._invoke()
        found = resource_answers.answer(self._question)
        if found is not None:
            return found
        if self._fault:
            raise ValidationError(message=f"The function failed, and did not answer: {self._fault}")
        raise ValidationError(
            message="CloudFormation did not receive a response from your Custom Resource. Please check your logs for"
            f" requestId [{self._question}]."
        )

    def _wait(self, patience: float) -> None:
        """Wait with the lock released, by the time that waits take: the cloud's clock may jump."""
        from cronstack.clock import monotonic

        end = monotonic() + patience
        while resource_answers.answer(self._question) is None and not self._fault and monotonic() < end:
            BACKENDS.wait(min(_LOOK, max(0.0, end - monotonic())))

    def _invoke_beside(self) -> None:
        with BACKENDS:
            self._invoke()
            BACKENDS.notify_all()

    def _invoke(self) -> None:
        try:
            answer = api("lambda", self._region).invoke(FunctionName=self._token, Payload=self._event)
        except Exception as fault:  # of a function that is missing, or throttled; a thread's exception would be lost
            self._fault = str(fault)
            return
        if "FunctionError" in answer:
            self._fault = answer["Payload"].read().decode("utf-8", "replace")[:500]


def texts(part: Any) -> Any:
    """Return properties as CloudFormation sends them: numbers and truths are texts."""
    if isinstance(part, Mapping):
        return {name: texts(value) for name, value in part.items()}
    if isinstance(part, list):
        return [texts(value) for value in part]
    if isinstance(part, bool):
        return "true" if part else "false"
    return part if isinstance(part, str) else str(part)
