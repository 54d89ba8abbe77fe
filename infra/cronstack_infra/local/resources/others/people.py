"""Groups, users and who is in which group: moto makes a user of its name alone, and no groups from templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import ValidationError
from moto.iam.models import iam_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.api import api, code_of, unless_gone
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, tags_of, truth


class Holder(Resource):
    """What may hold policies, inline and attached, as the template has them."""

    word: ClassVar[str]

    @property
    def _backend(self) -> Any:
        return iam_backends[self.account][get_partition(self.region)]

    @property
    def _held(self) -> Mapping[str, Any]:
        """Those of its kind by name."""
        found: Mapping[str, Any] = getattr(self._backend, f"{self.word}s")
        return found

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._held[self.name].arn}

    def create(self) -> None:
        self._refuse()
        try:
            self._call("create_{}", Path=self.properties.get("Path", "/"))
        except ClientError as fault:
            if code_of(fault) != "EntityAlreadyExists":
                raise
            raise already_exists(self.kind, self.name) from None
        try:
            self._give({})
        except Exception:  # CloudFormation does not know it yet, and would leave it
            self.remove()
            raise

    def update(self, old: Properties) -> None:
        self._refuse()
        self._held[self.name].path = self.properties.get("Path", "/")
        self._give(old)

    def remove(self) -> None:
        if self.name in self._held:
            self._take(set(_inline(self.properties)), set(self.properties.get("ManagedPolicyArns", [])))
            self._refuse_to_go()
            unless_gone(self._call, name="delete_{}")

    def _refuse(self) -> None:
        """Raise ValidationError for what would be lost."""

    def _refuse_to_go(self) -> None:
        """Raise ValidationError, as IAM refuses to delete what somebody else has given something."""
        held = self._held[self.name]
        if held.managed_policies:
            raise ValidationError(message="Cannot delete entity, must detach all policies first.")
        if held.policies:
            raise ValidationError(message="Cannot delete entity, must delete policies first.")

    def _call(self, name: str, **parameters: Any) -> Any:
        call = getattr(api("iam", self.region), name.format(self.word))
        return call(**{f"{self.word.title()}Name": self.name}, **parameters)

    def _give(self, old: Properties) -> None:
        inline, attached = _inline(self.properties), set(self.properties.get("ManagedPolicyArns", []))
        self._take(set(_inline(old)) - set(inline), set(old.get("ManagedPolicyArns", [])) - attached)
        for name, document in inline.items():
            self._call("put_{}_policy", PolicyName=name, PolicyDocument=json.dumps(document))
        for arn in sorted(attached - set(self._held[self.name].managed_policies)):
            self._call("attach_{}_policy", PolicyArn=arn)

    def _take(self, inline: set[str], attached: set[str]) -> None:
        held = self._held[self.name]
        for name in sorted(inline & set(held.policies)):
            self._call("delete_{}_policy", PolicyName=name)
        for arn in sorted(attached & set(held.managed_policies)):
            self._call("detach_{}_policy", PolicyArn=arn)


def _inline(given: Properties) -> dict[str, Any]:
    return {policy["PolicyName"]: policy["PolicyDocument"] for policy in given.get("Policies", [])}


class Group(Holder):
    """A group; who is in it, users and additions say."""

    kind = "AWS::IAM::Group"
    name_property = "GroupName"
    create_only = frozenset({"GroupName"})
    longest_name = 128
    word = "group"

    def _refuse_to_go(self) -> None:
        super()._refuse_to_go()
        if self._held[self.name].users:
            raise ValidationError(message="Cannot delete entity, must remove users from group first.")


class User(Holder):
    """A user with groups, policies and a password."""

    kind = "AWS::IAM::User"
    name_property = "UserName"
    create_only = frozenset({"UserName"})
    longest_name = 64
    word = "user"

    def _refuse(self) -> None:
        if self.properties.get("PermissionsBoundary"):
            raise ValidationError(message=f"{self.kind}: the local cloud keeps no PermissionsBoundary of a user")

    def _refuse_to_go(self) -> None:
        super()._refuse_to_go()
        if self._held[self.name].access_keys:
            raise ValidationError(message="Cannot delete entity, must delete access keys first.")
        if self._backend.get_groups_for_user(self.name):
            raise ValidationError(message="Cannot delete entity, must remove users from group first.")

    def remove(self) -> None:
        if self.name in self._held:
            self._leave(set(self.properties.get("Groups", [])))
        super().remove()

    def _give(self, old: Properties) -> None:
        super()._give(old)
        wanted = self.properties.get("Groups", [])
        self._leave(set(old.get("Groups", [])) - set(wanted))
        for group in wanted:
            self._call("add_{}_to_group", GroupName=group)
        if gone := sorted(tags_of(old).keys() - tags_of(self.properties).keys()):
            self._call("untag_{}", TagKeys=gone)
        if tags := tags_of(self.properties):
            self._call("tag_{}", Tags=[{"Key": name, "Value": value} for name, value in tags.items()])
        self._let_in(old)

    def _leave(self, groups: set[str]) -> None:
        there = {group.name for group in self._backend.get_groups_for_user(self.name)}
        for group in sorted(groups & there):
            self._call("remove_{}_from_group", GroupName=group)

    def _let_in(self, old: Properties) -> None:
        wanted = self.properties.get("LoginProfile")
        if wanted and wanted != old.get("LoginProfile"):
            if self._held[self.name].password is None:
                self._call("create_login_profile", Password=wanted["Password"])
            reset = truth(wanted.get("PasswordResetRequired", False))  # moto takes it with an update only
            self._call("update_login_profile", Password=wanted["Password"], PasswordResetRequired=reset)
        elif old.get("LoginProfile") and not wanted:
            unless_gone(self._call, name="delete_login_profile")


class UserToGroupAddition(Resource):
    """Puts users into a group that may be anybody's."""

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
        held = self._backend.groups.get(group)
        for user in sorted(users & {one.name for one in held.users} if held else ()):
            self._backend.remove_user_from_group(group, user)
