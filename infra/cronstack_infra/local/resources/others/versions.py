"""Versions, aliases and permissions of functions. moto lacks the type of aliases, gives a version no physical id, and
cannot remove a permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.api import api, code_of, ignore_not_found
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists


class Version(Resource):
    """A published version of a function. Ref returns its ARN."""

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
        properties = self.properties
        options = {name: properties[name] for name in ("CodeSha256", "Description") if name in properties}
        version = api("lambda", self.region).publish_version(FunctionName=properties["FunctionName"], **options)
        self._arn, self._version = version["FunctionArn"], version["Version"]

    def update(self, old: Properties) -> None:
        raise ValidationError(message=f"{self.kind}: a version cannot be changed")

    def remove(self) -> None:
        name = self.properties["FunctionName"]
        ignore_not_found(api("lambda", self.region).delete_function, FunctionName=name, Qualifier=self._version)


class Alias(Resource):
    """A name for one version. Ref returns its ARN."""

    kind = "AWS::Lambda::Alias"
    create_only = frozenset({"FunctionName", "Name"})

    @property
    def _identifier(self) -> Properties:
        return {"FunctionName": self.properties["FunctionName"], "Name": self.properties["Name"]}

    @property
    def physical_resource_id(self) -> str:
        return str(api("lambda", self.region).get_alias(**self._identifier)["AliasArn"])

    def attributes(self) -> Mapping[str, str]:
        return {"AliasArn": self.physical_resource_id}

    def create(self) -> None:
        self._refuse()
        try:
            api("lambda", self.region).create_alias(**self._identifier, **self._rest())
        except ClientError as fault:
            if code_of(fault) != "ResourceConflictException":
                raise
            raise already_exists(self.kind, self.properties["Name"]) from None

    def update(self, old: Properties) -> None:
        self._refuse()
        api("lambda", self.region).update_alias(**self._identifier, **self._rest())

    def remove(self) -> None:
        ignore_not_found(api("lambda", self.region).delete_alias, **self._identifier)

    def _refuse(self) -> None:
        _refuse_provisioned(self)
        if self.properties.get("RoutingConfig"):
            raise ValidationError(message=f"{self.kind}: the local cloud does not support RoutingConfig")

    def _rest(self) -> Properties:
        return {
            "FunctionVersion": self.properties["FunctionVersion"],
            "Description": self.properties.get("Description", ""),
        }


def _refuse_provisioned(resource: Resource) -> None:
    if resource.properties.get("ProvisionedConcurrencyConfig"):
        raise ValidationError(message=f"{resource.kind}: the local cloud does not support ProvisionedConcurrencyConfig")


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
        raise ValidationError(message=f"{self.kind}: a permission cannot be changed")

    def remove(self) -> None:
        call: Any = api("lambda", self.region).remove_permission
        ignore_not_found(call, FunctionName=self.properties["FunctionName"], StatementId=self.name)
