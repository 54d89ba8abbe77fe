"""Buckets. moto fails to update an unnamed one, ignores versioning and public access, and reports a bucket that is not
empty as deleted."""

from __future__ import annotations

from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError
from moto.s3.cloud_formation import cfn_to_api_encryption
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.api import api, ignore_not_found
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, number, tags_of

REFUSED: Final = {
    "NotificationConfiguration": "send notifications",
    "ObjectLockConfiguration": "lock objects",
    "ReplicationConfiguration": "replicate",
    "WebsiteConfiguration": "serve websites",
}
"""Properties that the local cloud refuses because it does not carry them out."""


class Bucket(Resource):
    """A bucket, with the properties that affect its objects."""

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
        for name, action in REFUSED.items():
            if self.properties.get(name):
                raise ValidationError(message=f"{self.kind} {self.name}: buckets of the local cloud do not {action}")

    def remove(self) -> None:
        if self.name in self._backend.buckets and self._backend.delete_bucket(self.name) is None:
            raise ValidationError(message="The bucket you tried to delete is not empty")

    def _set(self) -> None:
        properties, bucket = self.properties, self._backend.get_bucket(self.name)
        encryption = properties.get("BucketEncryption")
        if encryption is not None:
            self._backend.put_bucket_encryption(self.name, cfn_to_api_encryption(encryption))
        versioning = properties.get("VersioningConfiguration", {}).get("Status")
        if versioning or bucket.versioning_status:
            self._backend.put_bucket_versioning(self.name, versioning or "Suspended")
        block = properties.get("PublicAccessBlockConfiguration")
        if block is None:
            bucket.public_access_block = None
        else:
            self._backend.put_public_access_block(self.name, {key: str(boolean(value)) for key, value in block.items()})
        self._backend.put_bucket_tagging(self.name, tags_of(properties))
        self._set_by_the_api()

    def _set_by_the_api(self) -> None:
        properties, s3, bucket = self.properties, api("s3", self.region), {"Bucket": self.name}
        if rules := properties.get("LifecycleConfiguration", {}).get("Rules"):
            s3.put_bucket_lifecycle_configuration(
                **bucket, LifecycleConfiguration={"Rules": [_lifecycle_rule(rule) for rule in rules]}
            )
        else:
            ignore_not_found(s3.delete_bucket_lifecycle, **bucket)
        if rules := properties.get("CorsConfiguration", {}).get("CorsRules"):
            s3.put_bucket_cors(**bucket, CORSConfiguration={"CORSRules": [_cors_rule(rule) for rule in rules]})
        else:
            ignore_not_found(s3.delete_bucket_cors, **bucket)
        if controls := properties.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(**bucket, OwnershipControls=controls)
        else:
            ignore_not_found(s3.delete_bucket_ownership_controls, **bucket)


def _lifecycle_rule(properties: Properties) -> Properties:
    """Return a lifecycle rule in the API's format."""
    rule: Properties = {"Status": properties["Status"], "Filter": _filter(properties)}
    if "Id" in properties:
        rule["ID"] = properties["Id"]
    days = {name: int(number(properties[key])) for name, key in (("Days", "ExpirationInDays"),) if key in properties}
    if "ExpiredObjectDeleteMarker" in properties:
        days["ExpiredObjectDeleteMarker"] = boolean(properties["ExpiredObjectDeleteMarker"])
    if days:
        rule["Expiration"] = days
    if "AbortIncompleteMultipartUpload" in properties:
        after = properties["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(number(after))}
    noncurrent = properties.get("NoncurrentVersionExpiration")
    if noncurrent is None and "NoncurrentVersionExpirationInDays" in properties:
        noncurrent = {"NoncurrentDays": properties["NoncurrentVersionExpirationInDays"]}
    if noncurrent:
        rule["NoncurrentVersionExpiration"] = {name: int(number(value)) for name, value in noncurrent.items()}
    moves = [*properties.get("Transitions", []), *([properties["Transition"]] if "Transition" in properties else [])]
    if moves:
        rule["Transitions"] = [
            {"Days": int(number(move["TransitionInDays"])), "StorageClass": move["StorageClass"]} for move in moves
        ]
    return rule


def _filter(properties: Properties) -> Properties:
    tags = properties.get("TagFilters", [])
    prefix = {"Prefix": properties["Prefix"]} if "Prefix" in properties else {}
    if len(tags) + len(prefix) > 1:
        return {"And": {**prefix, "Tags": tags}}
    return {"Tag": tags[0]} if tags else prefix or {"Prefix": ""}


def _cors_rule(properties: Properties) -> Properties:
    rule: Properties = {
        name: properties[name] for name in ("AllowedHeaders", "AllowedMethods", "AllowedOrigins") if name in properties
    }
    renamed = {"ExposedHeaders": "ExposeHeaders", "Id": "ID"}
    rule |= {name: properties[key] for key, name in renamed.items() if key in properties}
    return rule | ({"MaxAgeSeconds": int(number(properties["MaxAge"]))} if "MaxAge" in properties else {})
