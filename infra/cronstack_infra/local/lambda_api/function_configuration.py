"""The configuration of functions: stored, updated and shown as Lambda does.

Unsupported members are refused when a function is created or updated, not when it is first invoked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.core.utils import iso_8601_datetime_with_nanoseconds
from moto.moto_api._internal import mock_random

from cronstack_infra.local.lambda_api import code_packages
from cronstack_infra.local.lambda_api.event_invoke import require_destination
from cronstack_infra.local.lambda_api.function_members import why_not
from cronstack_infra.local.lookups.functions import layers_of
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by

KEPT: Final = {"DeadLetterConfig": "dead_letter_config", "LoggingConfig": "logging_config"}
"""Attribute of moto's function, for the executor and the engine, by the API's member."""


def _checked_create(answer: Any, self: Any) -> Any:
    given = self.json_body
    refuse(given)
    if not given.get("Runtime") or not given.get("Handler"):
        text = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        raise InvalidParameterValueException(text)
    return answer(self)


def _checked_update(answer: Any, self: Any) -> Any:
    refuse(self.json_body)
    return answer(self)


def _checked_code(answer: Any, self: Any) -> Any:
    given = self.json_body
    refuse({"PackageType": "Image"} if given.get("ImageUri") else given)
    return answer(self)


def refuse(given: Mapping[str, Any]) -> None:
    if reason := why_not(given):
        raise InvalidParameterValueException(reason)


def _check_dead_letters(given: Mapping[str, Any], role_arn: str) -> None:
    """Raise Lambda's error unless the dead-letter queue is standard and the role may write to it."""
    arn = (given.get("DeadLetterConfig") or {}).get("TargetArn")
    if not arn:
        return
    if arn.split(":")[2:3] not in (["sqs"], ["sns"]) or arn.endswith(".fifo"):
        raise InvalidParameterValueException(f"A dead-letter queue is a standard SQS queue or SNS topic, not {arn}")
    require_destination(
        role_arn, arn, "The provided execution role does not have permissions to call {call} on {service}"
    )


def _created(
    create: Any, self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1
) -> None:
    _check_dead_letters(spec, spec["Role"])
    create(self, account_id, _with_variables(spec), region, version)
    _keep(self, spec)
    revise(self)


def _updated(update: Any, self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    _check_dead_letters(config_updates, config_updates.get("Role") or self.role)
    changes = _with_variables(config_updates)
    checked_first = {"Layers": changes["Layers"]} if "Layers" in changes else {}
    update(self, checked_first | changes)
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


def _code_set(set_code: Any, self: Any, given: dict[str, Any]) -> None:
    before = self.__dict__ | {"code": dict(self.code)}
    set_code(self, given)
    if given.get("DryRun"):
        return
    try:
        if given.get("S3ObjectVersion"):
            code_packages.take_version(self, self.account_id, given)
        code_packages.require_size(self.code_bytes, *(layer.code_bytes for layer in layers_of(self)))
    except InvalidParameterValueException:
        self.__dict__.update(before)
        raise


def _code_updated(update_code: Any, self: Any, updated_spec: dict[str, Any]) -> dict[str, Any]:
    update_code(self, updated_spec)
    if not updated_spec.get("DryRun"):
        if updated_spec.get("Architectures"):
            self.architectures = updated_spec["Architectures"]
        revise(self)
    shown: dict[str, Any] = self.get_configuration()
    return shown


def revise(function: Any) -> None:
    """Set a new revision id and modification time of a function or version."""
    function.revision_id = str(mock_random.uuid4())
    function.last_modified = iso_8601_datetime_with_nanoseconds()


def _shown(show: Any, self: Any, on_create: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = show(self, on_create)
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
    given = privates.network_of(self)
    if not given:
        return None
    whole: dict[str, Any] = {"SubnetIds": [], "SecurityGroupIds": [], **given}
    return {**whole, "VpcId": "vpc-123abc" if whole["SubnetIds"] else ""}


def _keep(self: Any, given: dict[str, Any]) -> None:
    for name, attribute in KEPT.items():
        if name in given or not hasattr(self, attribute):
            setattr(self, attribute, given.get(name) or {})


def _with_variables(given: dict[str, Any]) -> dict[str, Any]:
    if "Environment" not in given:
        return given
    return given | {"Environment": {"Variables": (given["Environment"] or {}).get("Variables") or {}}}


_FUNCTION: Final = "moto.awslambda.models:LambdaFunction"
_RESPONSE: Final = "moto.awslambda.responses:LambdaResponse"

PATCHES: Final = (
    Patch(
        _FUNCTION,
        "__init__",
        "(self, account_id, spec, region, version=1)",
        "A created function loses its dead-letter queue and its logging.",
        "a_function_loses_its_dead_letter_queue",
        wrapped_by(_created),
    ),
    Patch(
        _FUNCTION,
        "update_configuration",
        "(self, config_updates)",
        "An update does not change tracing, storage or key; an Environment without Variables is a server error.",
        ("an_update_changes_no_tracing", "an_environment_without_variables_is_a_server_error"),
        wrapped_by(_updated),
    ),
    Patch(
        _FUNCTION,
        "get_configuration",
        "(self, on_create=False)",
        "A function has no RevisionId, and a LastModified that differs in form from that of Lambda.",
        "a_function_has_no_revision_id",
        wrapped_by(_shown),
    ),
    Patch(
        _FUNCTION,
        "vpc_config",
        "property",
        "A VpcConfig without security groups is a server error.",
        "a_network_of_one_list_is_a_server_error",
        replaced_by(property(_network)),
    ),
    Patch(
        _FUNCTION,
        "update_function_code",
        "(self, updated_spec)",
        "An update of the code changes neither LastModified nor the architecture.",
        "updated_code_changes_no_architecture",
        wrapped_by(_code_updated),
    ),
    Patch(
        _FUNCTION,
        "_set_function_code",
        "(self, updated_spec)",
        "A function takes the newest version of an S3 object, whichever is named, and code of any size.",
        "the_object_version_of_the_code_is_ignored",
        wrapped_by(_code_set),
    ),
    Patch(
        _RESPONSE,
        "create_function",
        "(self)",
        "A function is created without a handler.",
        "a_function_is_created_without_a_handler",
        wrapped_by(_checked_create),
    ),
    Patch(
        _RESPONSE,
        "update_function_configuration",
        "(self)",
        "An update accepts environment variables that Lambda reserves, and members that are not carried out here.",
        "an_update_accepts_reserved_variables",
        wrapped_by(_checked_update),
    ),
    Patch(
        _RESPONSE,
        "update_function_code",
        "(self)",
        "The code of a function of a zip file is replaced by an image.",
        "code_is_replaced_by_an_image",
        wrapped_by(_checked_code),
    ),
)
