"""Versions and aliases of functions: what a qualifier names.

A version is a copy of code and configuration that nothing changes afterwards; an alias is a name for one of them. What
moto 5.2.5 has wrong: numbers of deleted versions come again, a publish without a change makes a version, a version
shares the policy of $LATEST, and $LATEST can be deleted by itself.
"""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaFunction, LambdaStorage
from moto.awslambda.policy import Policy
from moto.awslambda.responses import LambdaResponse

from cronstack_infra.local.event_invoke import LATEST, forget
from cronstack_infra.local.function_configuration import refuse, revise
from cronstack_infra.local.mend import mend

_put_alias = LambdaStorage.put_alias
_update_alias = LambdaStorage.update_alias
_delete_alias = LambdaStorage.delete_alias
_delete_function = LambdaStorage.del_function
_find = LambdaStorage.get_function_by_name_with_qualifier


class Conflict(LambdaClientError):
    code = 409

    def __init__(self, text: str) -> None:
        super().__init__("ResourceConflictException", text)


def install() -> None:
    mend(
        LambdaStorage,
        publish_version=_publish,
        put_alias=_alias_made,
        update_alias=_alias_changed,
        delete_alias=_alias_deleted,
        del_function=_deleted,
        get_function_by_name_with_qualifier=_found,
    )
    mend(LambdaResponse, publish_version=_answer_publish)


def _found(self: Any, name: str, qualifier: str | None = None) -> LambdaFunction:
    """Also by the end of an ARN, "123456789012:function:NAME", at which moto fails."""
    return _find(self, name.split(":function:")[-1], qualifier)


def _publish(self: Any, name_or_arn: str, description: str = "") -> LambdaFunction:
    """A new version of what $LATEST is now; the last one if nothing has changed since."""
    function = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
    versions = self._functions[function.function_name]["versions"]
    what = json.dumps(
        function.get_configuration() | {"LastModified": "", "FunctionArn": "", "RevisionId": ""}, default=str
    )
    if versions and versions[-1].published_from == what:
        last: LambdaFunction = versions[-1]
        return last
    function.versions_published = getattr(function, "versions_published", 0) + 1
    version: Any = copy.copy(function)
    version.policy = Policy(version)
    version.published_from = what
    version.set_version(function.versions_published)
    revise(version)
    if description:
        version.description = description
    versions.append(version)
    self._arns[version.function_arn] = version
    published: LambdaFunction = version
    return published


def _answer_publish(request: Any) -> tuple[int, dict[str, Any], str]:
    refuse({"PublishTo": request._get_param("PublishTo")})
    name = unquote(request.path.split("/")[-2])
    wanted, current = request._get_param("CodeSha256"), request.backend.get_function(name).code_sha_256
    if wanted and wanted != current:
        text = f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({current})."
        raise InvalidParameterValueException(f"{text} Please try again with the CodeSHA256 in $LATEST.")
    made = request.backend.publish_version(name, request._get_param("Description"))
    return 201, {"status": 201}, json.dumps(made.get_configuration())


def _alias_made(
    self: Any, name: str, function_name: str, function_version: str, description: str, routing_config: Any
) -> Any:
    _refuse_shares(routing_config)
    existing = self._get_function_aliases(function_name).get(name)
    if existing is not None:
        raise Conflict(f"Alias already exists: {existing.arn}")
    return _put_alias(self, name, function_name, function_version, description, routing_config)


def _alias_changed(
    self: Any, name: str, function_name: str, function_version: str, description: str, routing_config: Any
) -> Any:
    _refuse_shares(routing_config)
    return _update_alias(self, name, function_name, function_version, description, routing_config)


def _alias_deleted(self: Any, name: str, function_name: str) -> None:
    forget(self.get_function_by_name_or_arn_with_qualifier(function_name), name)
    _delete_alias(self, name, function_name)


def _deleted(self: Any, name_or_arn: str, qualifier: str | None = None) -> None:
    name, _, within = name_or_arn.split(":function:")[-1].partition(":")
    version = within or qualifier
    if version == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if version:
        using = [one.arn for one in self.list_aliases(name) if one.function_version == version]
        if using:
            raise Conflict(f"Unable to delete version because the following aliases reference it: {using}")
        forget(self.get_function_by_name_or_arn_with_qualifier(name), version)
    _delete_function(self, name_or_arn, qualifier)


def _refuse_shares(routing_config: Any) -> None:
    if (routing_config or {}).get("AdditionalVersionWeights"):
        raise InvalidParameterValueException("The local cloud does not share calls out between versions of an alias")
