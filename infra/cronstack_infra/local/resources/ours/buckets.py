"""Buckets: moto fails to update an unnamed one, forgets versioning and public access, and says of a bucket that
is not empty that it has deleted it."""

from __future__ import annotations

from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError
from moto.s3.cloud_formation import cfn_to_api_encryption
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.api import api, unless_gone
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of, truth

REFUSED: Final = {
    "NotificationConfiguration": "notify anybody",
    "ObjectLockConfiguration": "lock objects",
    "ReplicationConfiguration": "replicate",
    "WebsiteConfiguration": "serve websites",
}
"""What somebody would wait for in vain."""


class Bucket(Resource):
    """A bucket; of its properties, those that an object put into it or taken out of it could notice."""

    kind = "AWS::S3::Bucket"
    name_property = "BucketName"
    create_only = frozenset({"BucketName"})
    longest_name = 63

    @property
    def _backend(self) -> Any:
        return s3_backends[self.account][get_partition(self.region)]

    def get_cfn_attribute(self, attribute: str) -> str:
        value: str = self._backend.get_bucket(self.name).get_cfn_attribute(attribute)
        return value

    def create(self) -> None:
        self._refuse()
        if self.name in self._backend.buckets:
            raise already_exists(self.kind, self.name)
        self._backend.create_bucket(self.name, self.region)
        self._set()

    def update(self, old: Properties) -> None:
        self._refuse()
        self._set()

    def _refuse(self) -> None:
        for name, what in REFUSED.items():
            if self.properties.get(name):
                raise ValidationError(message=f"{self.kind} {self.name}: buckets of the local cloud do not {what}")

    def remove(self) -> None:
        if self.name in self._backend.buckets and self._backend.delete_bucket(self.name) is None:
            raise ValidationError(message="The bucket you tried to delete is not empty")

    def _set(self) -> None:
        given, bucket = self.properties, self._backend.get_bucket(self.name)
        encryption = given.get("BucketEncryption")
        if encryption is not None:
            self._backend.put_bucket_encryption(self.name, cfn_to_api_encryption(encryption))
        versioning = given.get("VersioningConfiguration", {}).get("Status")
        if versioning or bucket.versioning_status:
            self._backend.put_bucket_versioning(self.name, versioning or "Suspended")
        block = given.get("PublicAccessBlockConfiguration")
        if block is None:
            bucket.public_access_block = None
        else:
            self._backend.put_public_access_block(self.name, {key: str(truth(value)) for key, value in block.items()})
        self._backend.put_bucket_tagging(self.name, tags_of(given))
        self._set_by_the_api()

    def _set_by_the_api(self) -> None:
        given, s3, bucket = self.properties, api("s3", self.region), {"Bucket": self.name}
        if rules := given.get("LifecycleConfiguration", {}).get("Rules"):
            s3.put_bucket_lifecycle_configuration(
                **bucket, LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in rules]}
            )
        else:
            unless_gone(s3.delete_bucket_lifecycle, **bucket)
        if rules := given.get("CorsConfiguration", {}).get("CorsRules"):
            s3.put_bucket_cors(**bucket, CORSConfiguration={"CORSRules": [_cors_rule(rule) for rule in rules]})
        else:
            unless_gone(s3.delete_bucket_cors, **bucket)
        if controls := given.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(**bucket, OwnershipControls=controls)
        else:
            unless_gone(s3.delete_bucket_ownership_controls, **bucket)


def _lifecycle_rule(given: Properties) -> Properties:
    """The same rule in the API's words."""
    rule: Properties = {"Status": given["Status"], "Filter": _filter(given)}
    if "Id" in given:
        rule["ID"] = given["Id"]
    days = {name: int(number(given[key])) for name, key in (("Days", "ExpirationInDays"),) if key in given}
    if "ExpiredObjectDeleteMarker" in given:
        days["ExpiredObjectDeleteMarker"] = truth(given["ExpiredObjectDeleteMarker"])
    if days:
        rule["Expiration"] = days
    if "AbortIncompleteMultipartUpload" in given:
        after = given["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(number(after))}
    noncurrent = given.get("NoncurrentVersionExpiration")
    if noncurrent is None and "NoncurrentVersionExpirationInDays" in given:
        noncurrent = {"NoncurrentDays": given["NoncurrentVersionExpirationInDays"]}
    if noncurrent:
        rule["NoncurrentVersionExpiration"] = {name: int(number(value)) for name, value in noncurrent.items()}
    moves = [*given.get("Transitions", []), *([given["Transition"]] if "Transition" in given else [])]
    if moves:
        rule["Transitions"] = [
            {"Days": int(number(move["TransitionInDays"])), "StorageClass": move["StorageClass"]} for move in moves
        ]
    return rule


def _filter(given: Properties) -> Properties:
    tags = given.get("TagFilters", [])
    prefix = {"Prefix": given["Prefix"]} if "Prefix" in given else {}
    if len(tags) + len(prefix) > 1:
        return {"And": {**prefix, "Tags": tags}}
    return {"Tag": tags[0]} if tags else prefix or {"Prefix": ""}


def _cors_rule(given: Properties) -> Properties:
    rule: Properties = {
        name: given[name] for name in ("AllowedHeaders", "AllowedMethods", "AllowedOrigins") if name in given
    }
    renamed = {"ExposedHeaders": "ExposeHeaders", "Id": "ID"}
    rule |= {name: given[key] for key, name in renamed.items() if key in given}
    return rule | ({"MaxAgeSeconds": int(number(given["MaxAge"]))} if "MaxAge" in given else {})
