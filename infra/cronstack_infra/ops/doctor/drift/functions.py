"""Functions, their aliases and their settings for asynchronous events, compared with the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack_infra.ops.doctor.drift.compare import Kind, Meaning, State, command, with_json
from cronstack_infra.ops.doctor.requests import NotRead, Requests
from cronstack_infra.ops.doctor.stack import UNKNOWN, Resource, Unknown

_OWN: Final = "CRONSTACK_"
_VARIABLE: Final = "Environment."
_CODE: Final = Meaning("Lambda runs other code than the deployed one, or cannot start it.", "error")
FUNCTION_MEANINGS: Final = {
    "ReservedConcurrentExecutions": Meaning("With 0, Lambda refuses every event: the job is paused by hand.", "error"),
    "Timeout": Meaning("An attempt is killed earlier, or its lease ends before it does."),
    "MemorySize": Meaning("An attempt is slower, is killed, or costs more."),
    "Role": Meaning("The job may lack rights, or have rights of another job.", "error"),
    "Handler": _CODE,
    "Runtime": _CODE,
    "Environment": Meaning("The runtime and the job read their settings here.", "error"),
    "State": Meaning("Lambda cannot run the function.", "error"),
}
_NUMBERS: Final = {"Timeout": "--timeout", "MemorySize": "--memory-size"}


def _wanted(resource: Resource) -> State:
    properties = resource.properties
    return {
        "ReservedConcurrentExecutions": properties.get("ReservedConcurrentExecutions"),
        "Timeout": properties.get("Timeout", 3),
        "MemorySize": properties.get("MemorySize", 128),
        "Role": properties.get("Role"),
        "Handler": properties.get("Handler"),
        "Runtime": properties.get("Runtime"),
        "State": UNKNOWN,
        **_variables(properties),
    }


def _variables(properties: Mapping[str, Any]) -> dict[str, Any]:
    environment = properties.get("Environment") or {}
    variables = UNKNOWN if isinstance(environment, Unknown) else environment.get("Variables") or {}
    if isinstance(variables, Unknown):
        return {}
    return {f"{_VARIABLE}{name}": value for name, value in variables.items()}


def _stored(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("lambda", "get_function_configuration", FunctionName=resource.id)
    if got is None:
        return None
    if "Error" in got.get("Environment", {}):
        raise NotRead("kms:Decrypt")
    concurrency = requests.ask("lambda", "get_function_concurrency", FunctionName=resource.id) or {}
    fields = {name: got.get(name) for name in ("Timeout", "MemorySize", "Role", "Handler", "Runtime")}
    failed = got.get("State") == "Failed"
    return {
        "ReservedConcurrentExecutions": concurrency.get("ReservedConcurrentExecutions"),
        **fields,
        "State": "Failed" if failed else None,
        **_variables(got),
    }


def _restore(resource: Resource, property: str) -> str:
    name, value = ("--function-name", resource.id), _wanted(resource).get(property)
    if property == "ReservedConcurrentExecutions" and value is None:
        return command("aws", "lambda", "delete-function-concurrency", *name)
    if property == "ReservedConcurrentExecutions":
        return command(
            "aws", "lambda", "put-function-concurrency", *name, "--reserved-concurrent-executions", str(value)
        )
    if property in _NUMBERS:
        return command("aws", "lambda", "update-function-configuration", *name, _NUMBERS[property], str(value))
    return ""


def _is_secret(property: str) -> bool:
    """Values of a job's own variables may be passwords."""
    return property.startswith(_VARIABLE) and not property.startswith(f"{_VARIABLE}{_OWN}")


FUNCTION: Final = Kind(
    noun="function",
    service="lambda",
    wanted=_wanted,
    stored=_stored,
    meanings=FUNCTION_MEANINGS,
    deleted="The job cannot run: its events end in the queue of delivery dead letters.",
    restore=_restore,
    secret=_is_secret,
)


def _invoke(properties: Mapping[str, Any]) -> State:
    destinations = properties.get("DestinationConfig") or {}
    return {
        "MaximumRetryAttempts": properties.get("MaximumRetryAttempts", 2),
        "MaximumEventAgeInSeconds": properties.get("MaximumEventAgeInSeconds", 21600),
        "OnFailure": (destinations.get("OnFailure") or {}).get("Destination"),
        "OnSuccess": (destinations.get("OnSuccess") or {}).get("Destination"),
    }


def _stored_invoke(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("lambda", "get_function_event_invoke_config", **_target(resource))
    return None if got is None else _invoke(got)


def _target(resource: Resource) -> dict[str, Any]:
    qualifier = resource.properties.get("Qualifier", "$LATEST")
    return {"FunctionName": resource.properties["FunctionName"], "Qualifier": qualifier}


def _put_invoke(resource: Resource, _: str = "") -> str:
    given = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    fields = {name: resource.properties[name] for name in given if name in resource.properties}
    return with_json(("lambda", "put-function-event-invoke-config"), {**_target(resource), **fields})


EVENT_INVOKE_CONFIG: Final = Kind(
    noun="event settings of",
    service="lambda",
    wanted=lambda resource: _invoke(resource.properties),
    stored=_stored_invoke,
    meanings={
        "MaximumRetryAttempts": Meaning("Lambda's retries cover crashes and an unreachable ledger."),
        "MaximumEventAgeInSeconds": Meaning("Lambda drops events of this age, with its retries."),
        "OnFailure": Meaning("An event that Lambda gives up is lost without a letter.", "error"),
        "OnSuccess": Meaning("Lambda sends each result somewhere else."),
    },
    deleted="An event that Lambda gives up is lost without a letter.",
    restore=_put_invoke,
    create=_put_invoke,
    name=lambda resource: f"{resource.properties['FunctionName']}:{resource.properties.get('Qualifier', '$LATEST')}",
)


def _stored_alias(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("lambda", "get_alias", **_alias(resource))
    return None if got is None else {"FunctionVersion": got.get("FunctionVersion")}


def _alias(resource: Resource) -> dict[str, Any]:
    return {"FunctionName": resource.properties["FunctionName"], "Name": resource.properties["Name"]}


def _alias_command(operation: str, resource: Resource) -> str:
    version = {"FunctionVersion": resource.properties.get("FunctionVersion")}
    return with_json(("lambda", operation), {**_alias(resource), **version})


ALIAS: Final = Kind(
    noun="alias",
    service="lambda",
    wanted=lambda resource: {"FunctionVersion": resource.properties.get("FunctionVersion")},
    stored=_stored_alias,
    meanings={"FunctionVersion": Meaning("Plans run other code than the deployed one.", "error")},
    deleted="Plans of application code cannot start: their events end as dead letters.",
    restore=lambda resource, property: _alias_command("update-alias", resource),
    create=lambda resource: _alias_command("create-alias", resource),
    name=lambda resource: f"{resource.properties['FunctionName']}:{resource.properties['Name']}",
)
