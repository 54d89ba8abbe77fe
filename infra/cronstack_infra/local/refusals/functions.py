"""Lambda's rules beyond its model for functions, versions, aliases, permissions, tags and invocations."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from moto.awslambda.models import lambda_backends

from cronstack_infra.local.moto import privates
from cronstack_infra.local.refusals import configuration
from cronstack_infra.local.refusals.names import arn_of, find_function, invalid, missing
from cronstack_infra.local.refusals.refusal import ApiCall, ApiError

_LONGEST_NAME: Final = 64
_UNRESERVED_AT_LEAST: Final = 100
_ACCOUNT_CONCURRENCY: Final = 1000
_MOST_TAGS: Final = 50


def _function_exists(call: ApiCall) -> None:
    """Raise a refusal if the function does not exist, whatever the qualifier."""
    if find_function(call, call["FunctionName"].rpartition(":")[0] or call["FunctionName"]) is None and (
        find_function(call, arn_of(call, call["FunctionName"])) is None
    ):
        raise missing(f"Function not found: {arn_of(call, call['FunctionName'])}")


def _payload(call: ApiCall) -> None:
    try:
        (call["Payload"] or b"").decode()
    except UnicodeDecodeError as fault:
        text = f"Could not parse request body into json: {fault}"
        raise ApiError("InvalidRequestContentException", text) from None


def _client_context(call: ApiCall) -> None:
    try:
        json.loads(base64.b64decode(call["ClientContext"] or "e30=", validate=True))
    except ValueError:
        text = "Client context must be a valid Base64-encoded JSON object."
        raise ApiError("InvalidRequestContentException", text) from None


def _new_name(call: ApiCall) -> None:
    name = call["FunctionName"]
    last = name.split(":function:")[-1]
    if ":" in last:
        raise invalid(f"A function is created by its name or plain ARN, not {name}")
    if len(last) > _LONGEST_NAME:
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_LONGEST_NAME}",
        )


def _tags(call: ApiCall, existing: Iterable[str] = ()) -> None:
    tags = call["Tags"] or {}
    if len({*tags, *existing}) > _MOST_TAGS:
        raise invalid(f"Number of tags exceeds resource tag limit. Maximum {_MOST_TAGS} tags per resource.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid("System tags cannot be added/updated by requester. Tag keys can't start with aws:")


def _tagged_function(call: ApiCall) -> None:
    name = call["Resource"]
    if ":function:" not in name:
        return
    if ":" in name.split(":function:")[1]:
        raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
    function = find_function(call, name)
    if function is None:
        raise missing(f"Function not found: {name}")
    if call.operation == "TagResource":
        if not call["Tags"]:
            raise invalid("An error occurred and the request cannot be processed.")
        _tags(call, existing=function.tags)


def _revision(call: ApiCall) -> None:
    expected, name = call["RevisionId"], call["FunctionName"]
    function = find_function(call, name)
    if expected is None or function is None:
        return
    actual = function.get_configuration().get("RevisionId") or getattr(function, "revision_id", None)
    if expected != actual:
        raise ApiError(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to "
            "retrieve the latest RevisionId",
            412,
        )


# names, versions, aliases, permissions


def _qualifier(call: ApiCall) -> None:
    parts = call["FunctionName"].split(":function:")[-1].split(":")
    if len(parts) == 2 and call["Qualifier"] is not None and parts[1] != call["Qualifier"]:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")


def _no_latest(call: ApiCall) -> None:
    if call["Qualifier"] == "$LATEST" or call["FunctionName"].endswith(":$LATEST"):
        raise invalid("$LATEST version cannot be deleted without deleting the function.")


def _hash(call: ApiCall) -> None:
    function = find_function(call, call["FunctionName"])
    expected = call["CodeSha256"]
    if expected is not None and function is not None and expected != function.code_sha_256:
        raise invalid(
            f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({function.code_sha_256}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )


def _new_alias(call: ApiCall) -> None:
    functions = privates.functions_of(lambda_backends[call.account][call.region])
    name = arn_of(call, call["FunctionName"]).rpartition(":")[2]
    if call["Name"] in privates.aliases_of(functions, name):
        arn = f"{arn_of(call, name)}:{call['Name']}"
        raise ApiError("ResourceConflictException", f"Alias already exists: {arn}", 409)


def _aliased_version(call: ApiCall) -> None:
    aliased = call["FunctionVersion"]
    if aliased is not None and find_function(call, arn_of(call, call["FunctionName"]), aliased) is None:
        raise missing(f"Function not found: {arn_of(call, call['FunctionName'])}:{aliased}")
    for version, weight in ((call["RoutingConfig"] or {}).get("AdditionalVersionWeights") or {}).items():
        if version == aliased or not 0 <= weight <= 1 or aliased == "$LATEST":
            raise invalid(f"Invalid function version {version}. Function version {aliased} is already included.")


def _new_statement(call: ApiCall) -> None:
    function = find_function(call, call["FunctionName"], call["Qualifier"])
    statement_ids: list[Any] = []
    if function is not None and function.policy is not None:
        statement_ids = [statement.get("Sid") for statement in function.policy.statements]
    if call["StatementId"] in statement_ids:
        raise ApiError(
            "ResourceConflictException",
            f"The statement id ({call['StatementId']}) provided already exists. Please provide a new statement id, "
            "or remove the existing statement.",
            409,
        )
    if not re.fullmatch(r"\*|\d{12}|[a-z0-9.-]+\.[a-z.]+|arn:aws[a-z-]*:(iam|sts)::.+", call["Principal"]):
        raise invalid("The provided principal was invalid. Please check the principal and try again.")


def _concurrency(call: ApiCall) -> None:
    requested, name = call["ReservedConcurrentExecutions"], arn_of(call, call["FunctionName"]).rpartition(":")[2]
    others = sum(
        int(function.reserved_concurrency or 0)
        for function in privates.functions_of(lambda_backends[call.account][call.region]).latest()
        if function.function_name != name
    )
    if requested > _ACCOUNT_CONCURRENCY - others - _UNRESERVED_AT_LEAST:
        raise invalid(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{_UNRESERVED_AT_LEAST}]."
        )


def _function_url(call: ApiCall) -> None:
    raise invalid("The local cloud does not support function URLs. Call Invoke instead.")


_FUNCTION: Final = (_function_exists,)

RULES: Final[dict[str, tuple[Callable[[ApiCall], None], ...]]] = {
    "CreateFunction": (_new_name, *configuration.ON_CREATE, _tags),
    "UpdateFunctionConfiguration": (*_FUNCTION, *configuration.ON_UPDATE, _revision),
    "UpdateFunctionCode": (*_FUNCTION, configuration.code, _revision),
    "DeleteFunction": (*_FUNCTION, _no_latest),
    "GetFunction": (_qualifier,),
    "GetFunctionConfiguration": (_qualifier,),
    "Invoke": (_qualifier, _client_context, _payload),
    "ListVersionsByFunction": _FUNCTION,
    "PublishVersion": (*_FUNCTION, _hash, _revision),
    "CreateFunctionUrlConfig": (*_FUNCTION, _function_url),
    "CreateAlias": (*_FUNCTION, _aliased_version, _new_alias),
    "UpdateAlias": (*_FUNCTION, _aliased_version),
    "AddPermission": (*_FUNCTION, _new_statement),
    "PutFunctionConcurrency": (*_FUNCTION, _concurrency),
    "TagResource": (_tagged_function,),
    "UntagResource": (_tagged_function,),
    "ListTags": (_tagged_function,),
}
