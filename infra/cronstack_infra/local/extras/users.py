"""IAM groups, users and memberships. moto creates a user with its name only, and lacks the type of groups."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import ValidationError
from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.api import api, code_of, ignore_not_found
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, tags_of


class PolicyHolder(Resource):
    """A user or group, with the inline and attached policies of the template."""

    noun: ClassVar[str]

    @property
    def _backend(self) -> Any:
        return iam_backends[self.account][get_partition(self.region)]

    @property
    def _all(self) -> Mapping[str, Any]:
        """All users, or all groups, by name."""
        by_name: Mapping[str, Any] = getattr(self._backend, f"{self.noun}s")
        return by_name

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._all[self.name].arn}

    def create(self) -> None:
        self._refuse()
        try:
            self._call("create_{}", Path=self.properties.get("Path", "/"))
        except ClientError as fault:
            if code_of(fault) != "EntityAlreadyExists":
                raise
            raise already_exists(self.kind, self.name) from None
        try:
            self._set_policies({})
        except Exception:  # of any type: CloudFormation has no record of it yet, and would not delete it
            self.remove()
            raise

    def update(self, old: Properties) -> None:
        self._refuse()
        self._all[self.name].path = self.properties.get("Path", "/")
        self._set_policies(old)

    def remove(self) -> None:
        if self.name in self._all:
            self._remove_policies(set(_inline(self.properties)), set(self.properties.get("ManagedPolicyArns", [])))
            self._check_deletable()
            ignore_not_found(self._call, name="delete_{}")

    def _refuse(self) -> None:
        """Raise ValidationError for properties that the local cloud does not support."""

    def _check_deletable(self) -> None:
        """Raise ValidationError, as IAM does, while other policies or members remain."""
        own = self._all[self.name]
        if own.managed_policies:
            raise ValidationError(message="Cannot delete entity, must detach all policies first.")
        if own.policies:
            raise ValidationError(message="Cannot delete entity, must delete policies first.")

    def _call(self, name: str, **parameters: Any) -> Any:
        call = getattr(api("iam", self.region), name.format(self.noun))
        return call(**{f"{self.noun.title()}Name": self.name}, **parameters)

    def _set_policies(self, old: Properties) -> None:
        inline, attached = _inline(self.properties), set(self.properties.get("ManagedPolicyArns", []))
        self._remove_policies(set(_inline(old)) - set(inline), set(old.get("ManagedPolicyArns", [])) - attached)
        for name, document in inline.items():
            self._call("put_{}_policy", PolicyName=name, PolicyDocument=json.dumps(document))
        for arn in sorted(attached - set(self._all[self.name].managed_policies)):
            self._call("attach_{}_policy", PolicyArn=arn)

    def _remove_policies(self, inline: set[str], attached: set[str]) -> None:
        own = self._all[self.name]
        for name in sorted(inline & set(own.policies)):
            self._call("delete_{}_policy", PolicyName=name)
        for arn in sorted(attached & set(own.managed_policies)):
            self._call("detach_{}_policy", PolicyArn=arn)


def _inline(properties: Properties) -> dict[str, Any]:
    return {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}


class Group(PolicyHolder):
    """A group. Its members are in the resources of users and additions."""

    kind = "AWS::IAM::Group"
    name_property = "GroupName"
    create_only = frozenset({"GroupName"})
    longest_name = 128
    noun = "group"

    def _check_deletable(self) -> None:
        super()._check_deletable()
        if self._all[self.name].users:
            raise ValidationError(message="Cannot delete entity, must remove users from group first.")


class User(PolicyHolder):
    """A user with groups, policies and a password."""

    kind = "AWS::IAM::User"
    name_property = "UserName"
    create_only = frozenset({"UserName"})
    longest_name = 64
    noun = "user"

    def _refuse(self) -> None:
        if self.properties.get("PermissionsBoundary"):
            raise ValidationError(message=f"{self.kind}: the local cloud does not support PermissionsBoundary")

    def _check_deletable(self) -> None:
        super()._check_deletable()
        if self._all[self.name].access_keys:
            raise ValidationError(message="Cannot delete entity, must delete access keys first.")
        if self._backend.get_groups_for_user(self.name):
            raise ValidationError(message="Cannot delete entity, must remove users from group first.")

    def remove(self) -> None:
        if self.name in self._all:
            self._leave(set(self.properties.get("Groups", [])))
        super().remove()

    def _set_policies(self, old: Properties) -> None:
        super()._set_policies(old)
        groups = self.properties.get("Groups", [])
        self._leave(set(old.get("Groups", [])) - set(groups))
        for group in groups:
            self._call("add_{}_to_group", GroupName=group)
        if removed := sorted(tags_of(old).keys() - tags_of(self.properties).keys()):
            self._call("untag_{}", TagKeys=removed)
        if tags := tags_of(self.properties):
            self._call("tag_{}", Tags=[{"Key": name, "Value": value} for name, value in tags.items()])
        self._set_password(old)

    def _leave(self, groups: set[str]) -> None:
        current = {group.name for group in self._backend.get_groups_for_user(self.name)}
        for group in sorted(groups & current):
            self._call("remove_{}_from_group", GroupName=group)

    def _set_password(self, old: Properties) -> None:
        profile = self.properties.get("LoginProfile")
        if profile and profile != old.get("LoginProfile"):
            if self._all[self.name].password is None:
                self._call("create_login_profile", Password=profile["Password"])
            reset = boolean(profile.get("PasswordResetRequired", False))  # moto accepts it in an update only
            self._call("update_login_profile", Password=profile["Password"], PasswordResetRequired=reset)
        elif old.get("LoginProfile") and not profile:
            ignore_not_found(self._call, name="delete_login_profile")


class UserToGroupAddition(Resource):
    """An addition of users to a group, which may be outside the stack."""

    kind = "AWS::IAM::UserToGroupAddition"

    @property
    def _backend(self) -> Any:
        return iam_backends[self.account][get_partition(self.region)]

    def attributes(self) -> Mapping[str, str]:
        return {"Id": self.name}

    def create(self) -> None:
        for user in self.properties["Users"]:
            self._backend.add_user_to_group(self.properties["GroupName"], user)

    def update(self, old: Properties) -> None:
        same = self.properties["GroupName"] == old["GroupName"]
        self.create()
        self._leave(old["GroupName"], set(old["Users"]) - set(self.properties["Users"] if same else ()))

    def remove(self) -> None:
        self._leave(self.properties["GroupName"], set(self.properties["Users"]))

    def _leave(self, group: str, users: set[str]) -> None:
        existing = self._backend.groups.get(group)
        for user in sorted(users & {member.name for member in existing.users} if existing else ()):
            self._backend.remove_user_from_group(group, user)
