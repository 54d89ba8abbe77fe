"""Versions and aliases of functions, and who else may invoke them. moto has no aliases in templates, names a
version by nothing, and cannot take a permission back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.api import api, code_of, unless_gone
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists


class Version(Resource):
    """What a function was when it was published. Ref gives its ARN."""

    kind = "AWS::Lambda::Version"
    create_only = frozenset(
        {"CodeSha256", "Description", "FunctionName", "ProvisionedConcurrencyConfig", "RuntimePolicy"}
    )

    _arn = ""
    _version = ""

    @property
    def physical_resource_id(self) -> str:
        return self._arn

    def attributes(self) -> Mapping[str, str]:
        return {"FunctionArn": self._arn, "Version": self._version}

    def create(self) -> None:
        _refuse_provisioned(self)
        given = self.properties
        wanted = {name: given[name] for name in ("CodeSha256", "Description") if name in given}
        made = api("lambda", self.region).publish_version(FunctionName=given["FunctionName"], **wanted)
        self._arn, self._version = made["FunctionArn"], made["Version"]

    def update(self, old: Properties) -> None:
        raise ValidationError(message=f"{self.kind}: nothing of a version can be changed")

    def remove(self) -> None:
        name = self.properties["FunctionName"]
        unless_gone(api("lambda", self.region).delete_function, FunctionName=name, Qualifier=self._version)


class Alias(Resource):
    """A name for one version. Ref gives its ARN."""

    kind = "AWS::Lambda::Alias"
    create_only = frozenset({"FunctionName", "Name"})

    @property
    def _named(self) -> Properties:
        return {"FunctionName": self.properties["FunctionName"], "Name": self.properties["Name"]}

    @property
    def physical_resource_id(self) -> str:
        return str(api("lambda", self.region).get_alias(**self._named)["AliasArn"])

    def attributes(self) -> Mapping[str, str]:
        return {"AliasArn": self.physical_resource_id}

    def create(self) -> None:
        self._refuse()
        try:
            api("lambda", self.region).create_alias(**self._named, **self._rest())
        except ClientError as fault:
            if code_of(fault) != "ResourceConflictException":
                raise
            raise already_exists(self.kind, self.properties["Name"]) from None

    def update(self, old: Properties) -> None:
        self._refuse()
        api("lambda", self.region).update_alias(**self._named, **self._rest())

    def remove(self) -> None:
        unless_gone(api("lambda", self.region).delete_alias, **self._named)

    def _refuse(self) -> None:
        _refuse_provisioned(self)
        if self.properties.get("RoutingConfig"):
            raise ValidationError(message=f"{self.kind}: the local cloud does not share calls out between versions")

    def _rest(self) -> Properties:
        return {
            "FunctionVersion": self.properties["FunctionVersion"],
            "Description": self.properties.get("Description", ""),
        }


def _refuse_provisioned(resource: Resource) -> None:
    if resource.properties.get("ProvisionedConcurrencyConfig"):
        raise ValidationError(message=f"{resource.kind}: the local cloud keeps no provisioned concurrency")


class Permission(Resource):
    """A statement in a function's policy."""

    kind = "AWS::Lambda::Permission"
    create_only = frozenset(
        {
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        }
    )

    def attributes(self) -> Mapping[str, str]:
        return {"Id": self.name}

    def create(self) -> None:
        api("lambda", self.region).add_permission(StatementId=self.name, **self.properties)

    def update(self, old: Properties) -> None:
        raise ValidationError(message=f"{self.kind}: nothing of a permission can be changed")

    def remove(self) -> None:
        call: Any = api("lambda", self.region).remove_permission
        unless_gone(call, FunctionName=self.properties["FunctionName"], StatementId=self.name)
