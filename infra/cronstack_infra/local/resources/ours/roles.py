"""Roles and managed policies. moto updates only the description of a role and attaches no policies. It can neither
update nor delete a managed policy, so its role cannot be deleted either."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of


class Role(Resource):
    """A role, with the trust policy, the inline and the attached policies of the template."""

    kind = "AWS::IAM::Role"
    name_property = "RoleName"
    create_only = frozenset({"RoleName", "Path"})
    longest_name = 64

    @property
    def _backend(self) -> Any:
        return iam_backends[self.account][get_partition(self.region)]

    @property
    def _role(self) -> Any:
        return self._backend.get_role(self.name)

    def attributes(self) -> Mapping[str, str]:
        role = self._role
        return {"Arn": role.arn, "RoleId": role.id}

    def create(self) -> None:
        # Names of roles are case-insensitive in IAM.
        if any(role.name.lower() == self.name.lower() for role in self._backend.roles.values()):
            raise already_exists(self.kind, self.name)
        properties = self.properties
        self._backend.create_role(
            role_name=self.name,
            assume_role_policy_document=json.dumps(properties["AssumeRolePolicyDocument"]),
            path=properties.get("Path", "/"),
            permissions_boundary=properties.get("PermissionsBoundary", ""),
            description=properties.get("Description", ""),
            tags=_tag_list(properties),
            max_session_duration=number(properties.get("MaxSessionDuration", 3600)),
        )
        self._set_policies({})

    def update(self, old: Properties) -> None:
        properties, role = self.properties, self._role
        role.assume_role_policy_document = json.dumps(properties["AssumeRolePolicyDocument"])
        role.description = properties.get("Description", "")
        role.max_session_duration = number(properties.get("MaxSessionDuration", 3600))
        role.permissions_boundary_arn = properties.get("PermissionsBoundary", "")
        self._backend.untag_role(self.name, list(tags_of(old)))
        self._backend.tag_role(self.name, _tag_list(properties))
        self._set_policies(old)

    def remove(self) -> None:
        role = next((role for role in self._backend.roles.values() if role.name == self.name), None)
        if role is None:
            return
        self._remove_policies(
            {policy["PolicyName"] for policy in self.properties.get("Policies", [])}, self._attached()
        )
        for policy in self._backend.inline_policies.values():
            policy.role_names = [name for name in policy.role_names if name != self.name]
        self._backend.delete_role(self.name)

    def _attached(self) -> set[str]:
        return set(self.properties.get("ManagedPolicyArns", []))

    def _set_policies(self, old: Properties) -> None:
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in self.properties.get("Policies", [])}
        self._remove_policies(
            {policy["PolicyName"] for policy in old.get("Policies", [])} - set(inline),
            set(old.get("ManagedPolicyArns", [])) - self._attached(),
        )
        for name, document in inline.items():
            self._backend.put_role_policy(self.name, name, json.dumps(document))
        for arn in self._attached():
            self._backend.attach_role_policy(arn, self.name)

    def _remove_policies(self, inline: set[str], attached: set[str]) -> None:
        role = self._role
        for name in inline & set(role.policies):
            role.delete_policy(name)
        for arn in attached & set(role.managed_policies):
            self._backend.detach_role_policy(arn, self.name)


class ManagedPolicy(Resource):
    """A managed policy. Ref returns its ARN."""

    kind = "AWS::IAM::ManagedPolicy"
    name_property = "ManagedPolicyName"
    create_only = frozenset({"ManagedPolicyName", "Path", "Description"})
    longest_name = 128

    @property
    def _backend(self) -> Any:
        return iam_backends[self.account][get_partition(self.region)]

    @property
    def physical_resource_id(self) -> str:
        path = self.properties.get("Path", "/")
        return f"arn:{get_partition(self.region)}:iam::{self.account}:policy{path}{self.name}"

    def attributes(self) -> Mapping[str, str]:
        return {"PolicyArn": self.physical_resource_id}

    def create(self) -> None:
        self._backend.create_policy(
            description=self.properties.get("Description", ""),
            path=self.properties.get("Path", "/"),
            policy_document=json.dumps(self.properties["PolicyDocument"]),
            policy_name=self.name,
            tags=_tag_list(self.properties),
        )
        self._attach({})

    def update(self, old: Properties) -> None:
        arn = self.physical_resource_id
        if self.properties["PolicyDocument"] != old["PolicyDocument"]:
            self._backend.create_policy_version(arn, json.dumps(self.properties["PolicyDocument"]), True)
            for version in list(self._backend.list_policy_versions(arn)):
                if not version.is_default:
                    self._backend.delete_policy_version(arn, version.version_id)
        self._attach(old)

    def remove(self) -> None:
        arn = self.physical_resource_id
        if arn not in self._backend.managed_policies:
            return
        policy = self._backend.managed_policies[arn]
        for kind in ("roles", "users", "groups"):
            for holder in getattr(self._backend, kind).values():
                if arn in holder.managed_policies:
                    policy.detach_from(holder)
        self._backend.delete_policy(arn)

    def _attach(self, old: Properties) -> None:
        policy = self._backend.get_policy(self.physical_resource_id)
        for kind, find in (
            ("Roles", self._backend.get_role),
            ("Users", self._backend.get_user),
            ("Groups", self._backend.get_group),
        ):
            for name in set(old.get(kind, [])) - set(self.properties.get(kind, [])):
                policy.detach_from(find(name))
            for name in set(self.properties.get(kind, [])) - set(old.get(kind, [])):
                policy.attach_to(find(name))


def _tag_list(properties: Properties) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags_of(properties).items()]
