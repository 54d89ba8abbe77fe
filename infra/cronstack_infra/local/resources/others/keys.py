"""Keys and secrets: moto makes a new key for each change of the old, and has no secrets in templates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.api import api, code_of, unless_gone
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of, truth


class Key(Resource):
    """A key. Deleting it lets it wait for its end, as on AWS."""

    kind = "AWS::KMS::Key"
    _FIXED = ("KeySpec", "KeyUsage", "MultiRegion", "Origin")

    _id = ""

    @property
    def _kms(self) -> Any:
        return api("kms", self.region)

    @property
    def physical_resource_id(self) -> str:
        return self._id

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._kms.describe_key(KeyId=self._id)["KeyMetadata"]["Arn"], "KeyId": self._id}

    def create(self) -> None:
        given = self.properties
        fixed = {name: given[name] for name in self._FIXED if name in given}
        if "MultiRegion" in fixed:
            fixed["MultiRegion"] = truth(fixed["MultiRegion"])
        self._id = self._kms.create_key(**fixed)["KeyMetadata"]["KeyId"]
        self._set({})

    def update(self, old: Properties) -> None:
        changed = [name for name in self._FIXED if self.properties.get(name) != old.get(name)]
        if changed:
            raise ValidationError(message=f"Invalid request provided: You cannot change the {changed[0]} of a key.")
        self._set(old)

    def remove(self) -> None:
        days = int(number(self.properties.get("PendingWindowInDays", 30)))
        unless_gone(self._kms.schedule_key_deletion, KeyId=self._id, PendingWindowInDays=days)

    def _set(self, old: Properties) -> None:
        given, kms, key = self.properties, self._kms, {"KeyId": self._id}
        kms.update_key_description(**key, Description=given.get("Description", ""))
        if "KeyPolicy" in given:
            policy = given["KeyPolicy"]
            text = policy if isinstance(policy, str) else json.dumps(policy)
            kms.put_key_policy(**key, PolicyName="default", Policy=text)
        if truth(given.get("EnableKeyRotation", False)):
            days = (
                {"RotationPeriodInDays": int(number(given["RotationPeriodInDays"]))}
                if ("RotationPeriodInDays" in given)
                else {}
            )
            kms.enable_key_rotation(**key, **days)
        elif truth(old.get("EnableKeyRotation", False)):
            kms.disable_key_rotation(**key)
        if truth(given.get("Enabled", True)) != truth(old.get("Enabled", True)):
            (kms.enable_key if truth(given.get("Enabled", True)) else kms.disable_key)(**key)
        if gone := sorted(tags_of(old).keys() - tags_of(given).keys()):
            kms.untag_resource(**key, TagKeys=gone)
        if tags := tags_of(given):
            kms.tag_resource(**key, Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()])

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Any, *args: Any, **given: Any) -> Any:
        """The id is the service's, not CloudFormation's: handed on."""
        made = cls(original_resource.name, given["cloudformation_json"]["Properties"], *_where(given))
        made._id = original_resource._id
        made.update(original_resource.properties)
        return made


class Secret(Resource):
    """A secret, given or made up by the service. Ref gives its ARN."""

    kind = "AWS::SecretsManager::Secret"
    name_property = "Name"
    create_only = frozenset({"Name"})

    @property
    def _secrets(self) -> Any:
        return api("secretsmanager", self.region)

    @property
    def physical_resource_id(self) -> str:
        return str(self._secrets.describe_secret(SecretId=self.name)["ARN"])

    def attributes(self) -> Mapping[str, str]:
        return {"Id": self.physical_resource_id}

    def create(self) -> None:
        if self.properties.get("ReplicaRegions"):
            raise ValidationError(message=f"{self.kind}: the local cloud keeps no replicas in other regions")
        try:
            self._secrets.create_secret(Name=self.name, SecretString=self._value(), **self._rest())
        except ClientError as fault:
            if code_of(fault) != "ResourceExistsException":
                raise
            raise already_exists(self.kind, self.name) from None
        self._tag({})

    def update(self, old: Properties) -> None:
        changed = any(self.properties.get(one) != old.get(one) for one in ("SecretString", "GenerateSecretString"))
        value = {"SecretString": self._value()} if changed else {}
        self._secrets.update_secret(SecretId=self.name, **self._rest(), **value)
        self._tag(old)

    def remove(self) -> None:
        unless_gone(self._secrets.delete_secret, SecretId=self.name, ForceDeleteWithoutRecovery=True)

    def _rest(self) -> Properties:
        rest = {"Description": self.properties.get("Description", "")}
        return rest | ({"KmsKeyId": self.properties["KmsKeyId"]} if "KmsKeyId" in self.properties else {})

    def _value(self) -> str:
        given = self.properties
        if "GenerateSecretString" not in given:
            return str(given.get("SecretString", ""))
        wanted = dict(given["GenerateSecretString"])
        template, key = wanted.pop("SecretStringTemplate", None), wanted.pop("GenerateStringKey", None)
        if "PasswordLength" in wanted:
            wanted["PasswordLength"] = int(number(wanted["PasswordLength"]))
        wanted = {
            name: truth(one)
            if name.startswith(("Exclude", "Include", "Require")) and name != "ExcludeCharacters"
            else one
            for name, one in wanted.items()
        }
        made = str(self._secrets.get_random_password(**wanted)["RandomPassword"])
        return made if template is None else json.dumps({**json.loads(template), key: made})

    def _tag(self, old: Properties) -> None:
        if gone := sorted(tags_of(old).keys() - tags_of(self.properties).keys()):
            self._secrets.untag_resource(SecretId=self.name, TagKeys=gone)
        if tags := tags_of(self.properties):
            self._secrets.tag_resource(
                SecretId=self.name, Tags=[{"Key": name, "Value": value} for name, value in tags.items()]
            )


def _where(given: Mapping[str, Any]) -> tuple[str, str]:
    return given["account_id"], given["region_name"]
