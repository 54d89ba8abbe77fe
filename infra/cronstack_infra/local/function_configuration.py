"""moto 5.2.5 takes some of a function's configuration in and gives it back never: kept, updated and shown here.

Dead-letter queue, logging and recursion settings are dropped when a function is created; tracing, storage and key are
not changed by an update; an Environment without Variables is a KeyError. A function has no RevisionId there, and was
last modified when it was made, in a form that no strptime reads.

What could not be carried out is refused here, when a function is made or changed, not when it is first invoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.core.utils import iso_8601_datetime_with_nanoseconds
from moto.moto_api._internal import mock_random

from cronstack_infra.local import code_packages, layers
from cronstack_infra.local.event_invoke import require_destination
from cronstack_infra.local.function_members import why_not
from cronstack_infra.local.mend import mend

KEPT: Final = {"DeadLetterConfig": "dead_letter_config", "LoggingConfig": "logging_config"}
"""API name to the attribute of moto's function that the executor and the engine may read."""

_create = LambdaFunction.__init__
_update = LambdaFunction.update_configuration
_update_code = LambdaFunction.update_function_code
_show = LambdaFunction.get_configuration
_answer_create = LambdaResponse.create_function
_answer_update = LambdaResponse.update_function_configuration
_answer_code = LambdaResponse.update_function_code
_set_code = LambdaFunction._set_function_code


def install() -> None:
    layers.install()
    mend(LambdaFunction, __init__=_created, update_configuration=_updated, get_configuration=_shown)
    mend(LambdaFunction, vpc_config=property(_network), update_function_code=_code_updated)
    mend(LambdaFunction, _set_function_code=_code_set)
    mend(
        LambdaResponse,
        create_function=_checked_create,
        update_function_configuration=_checked_update,
        update_function_code=_checked_code,
    )


def _checked_create(self: Any) -> Any:
    given = self.json_body
    refuse(given)
    if not given.get("Runtime") or not given.get("Handler"):
        text = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        raise InvalidParameterValueException(text)
    return _answer_create(self)


def _checked_update(self: Any) -> Any:
    refuse(self.json_body)
    return _answer_update(self)


def _checked_code(self: Any) -> Any:
    given = self.json_body
    refuse({"PackageType": "Image"} if given.get("ImageUri") else given)
    return _answer_code(self)


def refuse(given: Mapping[str, Any]) -> None:
    if reason := why_not(given):
        raise InvalidParameterValueException(reason)


def _check_dead_letters(given: Mapping[str, Any], role_arn: str) -> None:
    """A function's own dead-letter queue: standard, and its role may write to it, as Lambda asks at once."""
    arn = (given.get("DeadLetterConfig") or {}).get("TargetArn")
    if not arn:
        return
    if arn.split(":")[2:3] not in (["sqs"], ["sns"]) or arn.endswith(".fifo"):
        raise InvalidParameterValueException(f"A dead-letter queue is a standard SQS queue or SNS topic, not {arn}")
    require_destination(
        role_arn, arn, "The provided execution role does not have permissions to call {call} on {service}"
    )


def _created(self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
    _check_dead_letters(spec, spec["Role"])
    _create(self, account_id, _with_variables(spec), region, version)
    _keep(self, spec)
    revise(self)


def _updated(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    _check_dead_letters(config_updates, config_updates.get("Role") or self.role)
    changes = _with_variables(config_updates)
    checked_first = {"Layers": changes["Layers"]} if "Layers" in changes else {}
    _update(self, checked_first | changes)
    _keep(self, changes)
    if changes.get("TracingConfig"):
        self.tracing_config = changes["TracingConfig"]
    if changes.get("EphemeralStorage"):
        self.ephemeral_storage = changes["EphemeralStorage"]["Size"]
    if "KMSKeyArn" in changes:
        self.kms_key_arn = changes["KMSKeyArn"]
    revise(self)
    shown: dict[str, Any] = self.get_configuration()
    return shown


def _code_set(self: Any, given: dict[str, Any]) -> None:
    """moto 5.2.5 takes the newest version of an S3 object, whichever is asked for, and code of any size."""
    before = self.__dict__ | {"code": dict(self.code)}
    _set_code(self, given)
    if given.get("DryRun"):
        return
    try:
        if given.get("S3ObjectVersion"):
            code_packages.take_version(self, self.account_id, given)
        code_packages.require_size(self.code_bytes, *(one.code_bytes for one in layers.versions_of(self)))
    except InvalidParameterValueException:
        self.__dict__.update(before)
        raise


def _code_updated(self: Any, updated_spec: dict[str, Any]) -> dict[str, Any]:
    _update_code(self, updated_spec)
    if not updated_spec.get("DryRun"):
        if updated_spec.get("Architectures"):
            self.architectures = updated_spec["Architectures"]
        revise(self)
    shown: dict[str, Any] = self.get_configuration()
    return shown


def revise(function: Any) -> None:
    """Note that a function, or a version of it, is from now on another one."""
    function.revision_id = str(mock_random.uuid4())
    function.last_modified = iso_8601_datetime_with_nanoseconds()


def _shown(self: Any, on_create: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = _show(self, on_create)
    if self.dead_letter_config.get("TargetArn"):
        shown["DeadLetterConfig"] = self.dead_letter_config
    default = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}
    milliseconds = self.last_modified[: len("2026-01-01T00:00:00.000")]
    return shown | {
        "LastModified": f"{milliseconds}+0000",
        "LoggingConfig": default | self.logging_config,
        "RevisionId": self.revision_id,
    }


def _network(self: Any) -> dict[str, Any] | None:
    """moto 5.2.5 fails at a configuration that leaves one of the two lists out."""
    if not self._vpc_config:
        return None
    whole: dict[str, Any] = {"SubnetIds": [], "SecurityGroupIds": [], **self._vpc_config}
    return {**whole, "VpcId": "vpc-123abc" if whole["SubnetIds"] else ""}


def _keep(self: Any, given: dict[str, Any]) -> None:
    for name, attribute in KEPT.items():
        if name in given or not hasattr(self, attribute):
            setattr(self, attribute, given.get(name) or {})


def _with_variables(given: dict[str, Any]) -> dict[str, Any]:
    if "Environment" not in given:
        return given
    return given | {"Environment": {"Variables": (given["Environment"] or {}).get("Variables") or {}}}
