"""Versions and aliases of functions, which qualifiers name.

A version is a copy of code and configuration that never changes. An alias is a name for a version.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Final
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.awslambda.policy import Policy

from cronstack_infra.local.lambda_api.event_invoke import forget
from cronstack_infra.local.lambda_api.function_configuration import refuse, revise
from cronstack_infra.local.lookups.functions import LATEST
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by


class Conflict(LambdaClientError):
    code = 409

    def __init__(self, text: str) -> None:
        super().__init__("ResourceConflictException", text)


def _found(find: Any, self: Any, name: str, qualifier: str | None = None) -> LambdaFunction:
    """Find a function by its name, or by the end of an ARN, "123456789012:function:NAME"."""
    function: LambdaFunction = find(self, name.split(":function:")[-1], qualifier)
    return function


def _publish(self: Any, name_or_arn: str, description: str = "") -> LambdaFunction:
    """Publish $LATEST as a new version; return the last version if $LATEST has not changed since."""
    function = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
    versions = privates.versions_of(self, function.function_name)
    content = json.dumps(
        function.get_configuration() | {"LastModified": "", "FunctionArn": "", "RevisionId": ""}, default=str
    )
    if versions and versions[-1].published_from == content:
        last: LambdaFunction = versions[-1]
        return last
    function.versions_published = getattr(function, "versions_published", 0) + 1
    version: Any = copy.copy(function)
    version.policy = Policy(version)
    version.published_from = content
    version.set_version(function.versions_published)
    revise(version)
    if description:
        version.description = description
    versions.append(version)
    privates.functions_by_arn(self)[version.function_arn] = version
    published: LambdaFunction = version
    return published


def _answer_publish(request: Any) -> tuple[int, dict[str, Any], str]:
    refuse({"PublishTo": privates.parameter(request, "PublishTo")})
    name = unquote(request.path.split("/")[-2])
    expected, current = privates.parameter(request, "CodeSha256"), request.backend.get_function(name).code_sha_256
    if expected and expected != current:
        text = f"CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({current})."
        raise InvalidParameterValueException(f"{text} Please try again with the CodeSHA256 in $LATEST.")
    version = request.backend.publish_version(name, privates.parameter(request, "Description"))
    return 201, {"status": 201}, json.dumps(version.get_configuration())


def _alias_created(
    put: Any, self: Any, name: str, function_name: str, function_version: str, description: str, routing_config: Any
) -> Any:
    _refuse_shares(routing_config)
    existing = privates.aliases_of(self, function_name).get(name)
    if existing is not None:
        raise Conflict(f"Alias already exists: {existing.arn}")
    return put(self, name, function_name, function_version, description, routing_config)


def _alias_changed(
    update: Any, self: Any, name: str, function_name: str, function_version: str, description: str, routing_config: Any
) -> Any:
    _refuse_shares(routing_config)
    return update(self, name, function_name, function_version, description, routing_config)


def _alias_deleted(remove: Any, self: Any, name: str, function_name: str) -> None:
    forget(self.get_function_by_name_or_arn_with_qualifier(function_name), name)
    remove(self, name, function_name)


def _deleted(remove: Any, self: Any, name_or_arn: str, qualifier: str | None = None) -> None:
    name, _, within = name_or_arn.split(":function:")[-1].partition(":")
    version = within or qualifier
    if version == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if version:
        using = [alias.arn for alias in self.list_aliases(name) if alias.function_version == version]
        if using:
            raise Conflict(f"Unable to delete version because the following aliases reference it: {using}")
        forget(self.get_function_by_name_or_arn_with_qualifier(name), version)
    remove(self, name_or_arn, qualifier)


def _refuse_shares(routing_config: Any) -> None:
    if (routing_config or {}).get("AdditionalVersionWeights"):
        raise InvalidParameterValueException(
            "The local cloud does not distribute calls between versions of an alias (AdditionalVersionWeights)"
        )


_STORAGE: Final = "moto.awslambda.models:LambdaStorage"
_ALIAS: Final = "(self, name, function_name, function_version, description, routing_config)"

PATCHES: Final = (
    Patch(
        _STORAGE,
        "publish_version",
        "(self, name_or_arn, description='')",
        "A publish without a change creates a version, numbers of deleted versions are reused, policies are shared.",
        ("a_publish_without_a_change_makes_a_version", "the_number_of_a_deleted_version_is_reused"),
        replaced_by(_publish),
    ),
    Patch(
        _STORAGE,
        "put_alias",
        _ALIAS,
        "A new alias does not distribute its calls between two versions: Invoke always runs the same version.",
        "a_new_alias_with_shares_runs_one_version",
        wrapped_by(_alias_created),
    ),
    Patch(
        _STORAGE,
        "update_alias",
        _ALIAS,
        "An updated alias does not distribute its calls between two versions: Invoke always runs the same version.",
        "an_updated_alias_with_shares_runs_one_version",
        wrapped_by(_alias_changed),
    ),
    Patch(
        _STORAGE,
        "delete_alias",
        "(self, name, function_name)",
        "The configuration of asynchronous events outlives its alias.",
        "the_invoke_config_outlives_its_alias",
        wrapped_by(_alias_deleted),
    ),
    Patch(
        _STORAGE,
        "del_function",
        "(self, name_or_arn, qualifier=None)",
        "$LATEST alone can be deleted, and a version to which an alias points.",
        ("latest_can_be_deleted_by_itself", "a_version_of_an_alias_can_be_deleted"),
        wrapped_by(_deleted),
    ),
    Patch(
        _STORAGE,
        "get_function_by_name_with_qualifier",
        "(self, name, qualifier=None)",
        "A partial ARN, 123456789012:function:NAME, finds no function.",
        "a_partial_arn_finds_no_function",
        wrapped_by(_found),
    ),
    Patch(
        "moto.awslambda.responses:LambdaResponse",
        "publish_version",
        "(self)",
        "A publish ignores the hash that the code must have.",
        "a_publish_ignores_the_hash_of_the_code",
        replaced_by(_answer_publish),
    ),
)
