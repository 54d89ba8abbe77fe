"""EventInvokeConfig: retries, age and destinations of asynchronous events, one per qualifier of a function.

As on AWS, an alias or a version has its own configuration or none. It does not inherit that of $LATEST.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, UnknownEventConfig, ValidationException
from moto.awslambda.models import EventInvokeConfig, LambdaFunction
from moto.core.responses import ActionResult
from moto.core.utils import unix_time

from cronstack_infra.local.lookups import permissions
from cronstack_infra.local.lookups.functions import LATEST, event_invoke_configs, plain_arn
from cronstack_infra.local.moto.patch import Patch, replaced_by

Rows = tuple[Patch, ...]
_LEAST: Final = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


def forget(function: LambdaFunction, qualifier: str) -> None:
    """Delete the configuration of a deleted alias or version."""
    event_invoke_configs(function).pop(qualifier, None)


def put(backend: Any, function_name: str, config: dict[str, Any], qualifier: str | None = None) -> dict[str, Any]:
    """Replace the configuration; an omitted member gets its default."""
    function, named = _place(backend, function_name, qualifier)
    config["DestinationConfig"] = destinations = dict(config.get("DestinationConfig") or {})
    for which in ("OnSuccess", "OnFailure"):
        arn = destinations.setdefault(which, {}).get("Destination")
        if arn:
            _check_destination(which, arn, function.role)
    for name, least in _LEAST.items():
        if name in config and config[name] < least:
            text = f"Member must have value greater than or equal to {least}"
            raise ValidationException(config[name], name[0].lower() + name[1:], text)
    kept: Any = EventInvokeConfig(f"{plain_arn(function.function_arn)}:{named}", "", config)
    kept.last_modified = unix_time()
    event_invoke_configs(function)[named] = kept
    shown: dict[str, Any] = kept.response()
    return shown


def update(backend: Any, function_name: str, config: dict[str, Any], qualifier: str | None = None) -> dict[str, Any]:
    """Change the given members of the configuration."""
    function, named = _place(backend, function_name, qualifier)
    merged = copy.deepcopy(_existing(function, named).config)
    merged["DestinationConfig"].update(config.get("DestinationConfig") or {})
    merged |= {key: value for key, value in config.items() if key != "DestinationConfig"}
    return put(backend, function_name, merged, qualifier)


def get(backend: Any, function_name: str, qualifier: str | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = _existing(*_place(backend, function_name, qualifier)).response()
    return shown


def delete(backend: Any, function_name: str, qualifier: str | None = None) -> None:
    function, named = _place(backend, function_name, qualifier)
    _existing(function, named)
    forget(function, named)


def list_all(backend: Any, function_name: str) -> dict[str, Any]:
    """Return the configurations of all qualifiers."""
    function, _ = _place(backend, function_name, None)
    return {
        "FunctionEventInvokeConfigs": [kept.response() for _, kept in sorted(event_invoke_configs(function).items())]
    }


def require_destination(role_arn: str, arn: str, refusal: str) -> None:
    """Raise unless a function's role may write to a queue or topic. ``refusal``: message with {call} and {service}."""
    service = arn.split(":")[2]
    call = "SendMessage" if service == "sqs" else "Publish"
    role = permissions.find_role(role_arn)
    if role is None or not permissions.may(role, f"{service}:{call}", arn).allowed:
        raise InvalidParameterValueException(refusal.format(call=call, service=service.upper()))


def _check_destination(which: str, arn: str, role_arn: str) -> None:
    if arn.split(":")[2:3] not in (["sqs"], ["sns"]) or arn.endswith(".fifo"):
        text = f"The local cloud sends {which} records to standard SQS queues and SNS topics only, not to {arn}"
        raise InvalidParameterValueException(text)
    require_destination(
        role_arn, arn, f"The function's execution role does not have permissions to call {{call}} on {arn}"
    )


def _place(backend: Any, function_name: str, qualifier: str | None) -> tuple[LambdaFunction, str]:
    """Return $LATEST's object, which has the configurations of all qualifiers, and the requested qualifier."""
    backend.get_function(function_name, qualifier)  # raises for a qualifier that does not exist
    name, _, within = function_name.split(":function:")[-1].partition(":")
    return backend.get_function(name), within or qualifier or LATEST


def _existing(function: LambdaFunction, qualifier: str) -> EventInvokeConfig:
    config = event_invoke_configs(function).get(qualifier)
    if config is None:
        raise UnknownEventConfig(f"{plain_arn(function.function_arn)}:{qualifier}")
    return config


def _backend_and_name(request: Any) -> tuple[Any, str]:
    return request.backend, unquote(request.path.rsplit("/", 2)[1])


def _qualifier(request: Any) -> str | None:
    qualifier: str | None = request.querystring.get("Qualifier", [None])[0]
    return qualifier


def _config_and_qualifier(request: Any) -> tuple[dict[str, Any], str | None]:
    return request.json_body, _qualifier(request)


def _answer_delete(request: Any) -> tuple[int, dict[str, Any], str]:
    delete(*_backend_and_name(request), _qualifier(request))
    return 204, {"status": 204}, ""


_BACKEND: Final = "moto.awslambda.models:LambdaBackend"
_RESPONSE: Final = "moto.awslambda.responses:LambdaResponse"


def _rows(call: str, more: str, reason: str, probe: str, by: Callable[..., Any], answer: Callable[[Any], Any]) -> Rows:
    """Return the patches of one call: of moto's backend and of its response."""
    name = f"{call}_function_event_invoke_config"
    return (
        Patch(_BACKEND, name, f"(self, function_name{more})", reason, probe, replaced_by(by)),
        Patch(_RESPONSE, name, "(self)", reason, probe, replaced_by(answer)),
    )


PATCHES: Final = (
    *_rows(
        "put",
        ", config",
        "A qualifier is ignored: the configuration of an alias is that of $LATEST.",
        "the_configuration_of_an_alias_is_that_of_the_function",
        put,
        lambda request: ActionResult(put(*_backend_and_name(request), *_config_and_qualifier(request))),
    ),
    *_rows(
        "update",
        ", config",
        "An update has no effect: the first configuration stays in force.",
        "an_update_of_an_invoke_config_has_no_effect",
        update,
        lambda request: json.dumps(update(*_backend_and_name(request), *_config_and_qualifier(request))),
    ),
    *_rows(
        "get",
        "",
        "A qualifier is ignored: an alias without a configuration shows that of $LATEST.",
        "an_alias_shows_the_configuration_of_the_function",
        get,
        lambda request: ActionResult(get(*_backend_and_name(request), _qualifier(request))),
    ),
    *_rows(
        "delete",
        "",
        "A qualifier is ignored: deleting the configuration of an alias deletes that of $LATEST.",
        "deleting_the_configuration_of_an_alias_deletes_that_of_the_function",
        delete,
        _answer_delete,
    ),
    Patch(
        _BACKEND,
        "list_function_event_invoke_configs",
        "(self, function_name)",
        "The list holds one configuration at most, without those of versions and aliases.",
        "one_invoke_config_of_a_function_is_listed",
        replaced_by(list_all),
    ),
)
