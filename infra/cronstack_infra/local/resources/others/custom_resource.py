"""Custom resources backed by Lambda: the response of their function decides the result.

    create, update, delete ──event with a ResponseURL──▶ the function ──PUT──▶ ``http.resource_answers``
                           ◀──Status, Reason, PhysicalResourceId, Data────────────────┘

An update that returns another PhysicalResourceId is a replacement: the cleanup deletes the old resource.

There are two differences from AWS. A failing function ends the deployment at once; AWS invokes it twice more, and
CloudFormation waits until the ServiceTimeout. The ResponseURL is plain http.
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
"""Seconds for which CloudFormation waits, unless ServiceTimeout is less."""
_POLL_INTERVAL: Final = 0.5


def is_custom(kind: str) -> bool:
    return kind == KIND or kind.startswith(PREFIX)


class NotCreated(ValidationError):
    """The creation failed. ``left`` is the partial resource, which the function has to delete."""

    def __init__(self, reason: str, left: CustomResource) -> None:
        super().__init__(message=reason)
        self.left = left


class CustomResource(Resource):
    """A resource that a function of the user creates."""

    kind = KIND

    def __init__(self, name: str, properties: Properties, account: str, region: str) -> None:
        super().__init__(name, properties, account, region)
        self.stack_id, self.logical_id, self.resource_type = "", "", KIND
        self.data: Properties = {}
        self.no_echo = False
        self.attempted: Properties | None = None
        """The properties of a failed update. Its rollback sends them as the old properties."""

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
        resource = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        resource.stack_id, resource.logical_id, resource.resource_type = StackId, LogicalId, ResourceType
        resource.create()
        return resource

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> CustomResource:
        resource = cls(original_resource.name, cloudformation_json["Properties"], account_id, region_name)
        resource.stack_id, resource.logical_id = original_resource.stack_id, original_resource.logical_id
        resource.resource_type = original_resource.resource_type
        old = original_resource.properties if original_resource.attempted is None else original_resource.attempted
        original_resource.attempted = resource.properties
        resource.update(old)
        original_resource.attempted = None
        return resource

    def create(self) -> None:
        self._check_token()
        try:
            self._store_response(self._request("Create", {}))
        except ValidationError as fault:
            raise NotCreated(str(fault.message), self) from fault

    def update(self, old: Properties) -> None:
        if old.get("ServiceToken") != self.properties.get("ServiceToken"):
            raise ValidationError(message="Modifying service token is not allowed.")
        self._store_response(
            self._request("Update", {"OldResourceProperties": as_texts(old), "PhysicalResourceId": self.name})
        )

    def remove(self) -> None:
        self._request("Delete", {"PhysicalResourceId": self.name})

    def _store_response(self, response: Mapping[str, Any]) -> None:
        data = response.get("Data")
        self.data = dict(data) if isinstance(data, Mapping) else {}
        self.no_echo = str(response.get("NoEcho", False)).lower() == "true"

    def _request(self, request_type: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the function and return its response. Raise ValidationError with the reason of a failure."""
        token, request_id = str(self.properties["ServiceToken"]), f"{SYSTEM.getrandbits(128):032x}"
        if ":function:" not in token:
            raise ValidationError(
                message=f"The local cloud invokes Lambda functions only, not the ServiceToken {token}"
            )
        event = {
            "RequestType": request_type,
            "ServiceToken": token,
            "ResponseURL": resource_answers.ask(request_id),
            "StackId": self.stack_id,
            "RequestId": request_id,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.resource_type,
            "ResourceProperties": as_texts(self.properties),
            **more,
        }
        try:
            body = _Call(token, self.region, json.dumps(event), request_id).answer(self._timeout)
        finally:
            resource_answers.forget(request_id)
        return self._checked_response(body, event)

    def _check_token(self) -> str:
        token = str(self.properties["ServiceToken"])
        if ":function:" not in token:
            raise ValidationError(
                message=f"The local cloud invokes Lambda functions only, not the ServiceToken {token}"
            )
        return token

    @property
    def _timeout(self) -> float:
        return min(LONGEST, float(self.properties.get("ServiceTimeout") or LONGEST))

    def _checked_response(self, body: bytes, event: Mapping[str, Any]) -> Mapping[str, Any]:
        if len(body) > resource_answers.LARGEST:
            raise ValidationError(message="Response object is too long.")
        try:
            response = json.loads(body)
        except ValueError:
            response = None
        if not isinstance(response, dict) or response.get("Status") not in ("SUCCESS", "FAILED"):
            raise ValidationError(message="Invalid Json: expected an object with a Status of SUCCESS or FAILED")
        if (physical := str(response.get("PhysicalResourceId") or "")) and event["RequestType"] != "Delete":
            self.name = physical
        if response["Status"] == "FAILED":
            reason, request = response.get("Reason") or "Unknown", event["RequestId"]
            raise ValidationError(
                message="Received response status [FAILED] from custom resource. Message returned:"
                f" {reason} (RequestId: {request})"
            )
        if not physical:
            raise ValidationError(message="Vendor response doesn't contain PhysicalResourceId attribute")
        for name in ("StackId", "RequestId", "LogicalResourceId"):
            if response.get(name) != event[name]:
                raise ValidationError(message=f"Invalid {name} in the response: {response.get(name)!r}")
        return response


class _Call:
    """One invocation of the function, and the wait for its response.

    With a server, the invocation runs in its own thread: the response may arrive before its end, or after it from
    another function. Without one (in virtual time), it runs in this thread and must have responded when it ends.
    """

    def __init__(self, token: str, region: str, event: str, request_id: str) -> None:
        self._token, self._region, self._event, self._request_id = token, region, event, request_id
        self._fault = ""
        self._waited = 0.0

    def answer(self, timeout: float) -> bytes:
        if resource_answers.is_served():
            threading.Thread(target=self._invoke_in_thread, name="custom-resource", daemon=True).start()
            self._wait(timeout)
        else:
            self._invoke()
        response = resource_answers.answer(self._request_id)
        if response is not None:
            return response
        if self._fault:
            raise ValidationError(message=f"The function failed without a response: {self._fault}")
        raise ValidationError(
            message="CloudFormation did not receive a response from your Custom Resource. Please check your logs for"
            f" requestId [{self._request_id}]."
        )

    def _wait(self, timeout: float) -> None:
        """Wait with the lock released. Measure real time, because the cloud's clock may jump."""
        from cronstack.clock import monotonic

        end = monotonic() + timeout
        while resource_answers.answer(self._request_id) is None and not self._fault and monotonic() < end:
            BACKENDS.wait(min(_POLL_INTERVAL, max(0.0, end - monotonic())))

    def _invoke_in_thread(self) -> None:
        with BACKENDS:
            self._invoke()
            BACKENDS.notify_all()

    def _invoke(self) -> None:
        try:
            response = api("lambda", self._region).invoke(FunctionName=self._token, Payload=self._event)
        except Exception as fault:  # of any type, as of a missing function: an exception would be lost in a thread
            self._fault = str(fault)
            return
        if "FunctionError" in response:
            self._fault = response["Payload"].read().decode("utf-8", "replace")[:500]


def as_texts(part: Any) -> Any:
    """Return properties as CloudFormation sends them: numbers and Booleans as text."""
    if isinstance(part, Mapping):
        return {name: as_texts(value) for name, value in part.items()}
    if isinstance(part, list):
        return [as_texts(value) for value in part]
    if isinstance(part, bool):
        return "true" if part else "false"
    return part if isinstance(part, str) else str(part)
