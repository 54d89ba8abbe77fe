"""Lambda's rules beyond its model for a function's configuration and its code."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Final

from moto.s3.models import s3_backends

from cronstack_infra.local.lookups import permissions
from cronstack_infra.local.refusals.names import find_function, invalid
from cronstack_infra.local.refusals.refusal import ApiCall, ApiError

_LONGEST_TIMEOUT: Final = 900
_LARGEST_MEMORY: Final = 10240
_LARGEST_STORAGE: Final = 10240
_MOST_LAYERS: Final = 5
_RETIRED: Final = ("python2.7", "python3.6", "python3.7")
"""Runtimes that are in the model's list, but that Lambda no longer accepts for functions."""


def _too_much(value: int, member: str, most: int) -> ApiError:
    return ApiError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have value less than or equal to {most}",
    )


def mandatory(call: ApiCall) -> None:
    if call["PackageType"] != "Image" and not (call["Runtime"] and call["Handler"]):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")


def runtime(call: ApiCall) -> None:
    if call["Runtime"] in _RETIRED:
        raise invalid(
            f"The runtime parameter of {call['Runtime']} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )


def logging(call: ApiCall) -> None:
    requested = call["LoggingConfig"] or {}
    current = None if call.operation == "CreateFunction" else find_function(call, call["FunctionName"])
    current_format = (getattr(current, "logging_config", None) or {}).get("LogFormat", "Text")
    levels = {"ApplicationLogLevel", "SystemLogLevel"} & requested.keys()
    if levels and requested.get("LogFormat", current_format) == "Text":
        raise invalid(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change '
            'the LogFormat to "JSON" and try again.'
        )


def network(call: ApiCall) -> None:
    requested = call["VpcConfig"] or {}
    if bool(requested.get("SubnetIds")) != bool(requested.get("SecurityGroupIds")):
        raise invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
    if not requested.get("SubnetIds"):
        return
    from moto.ec2.models import ec2_backends  # takes half a second, and few functions have a network

    backend = ec2_backends[call.account][call.region]
    subnets = {name for zone in backend.subnets.values() for name in zone}
    groups = {name for network in backend.groups.values() for name in network}
    for requested_ids, existing, operation, code, kind in (
        (requested["SubnetIds"], subnets, "DescribeSubnets", "InvalidSubnetID.NotFound", "subnet ID"),
        (requested["SecurityGroupIds"], groups, "DescribeSecurityGroups", "InvalidGroup.NotFound", "security group"),
    ):
        for resource_id in requested_ids:
            if resource_id not in existing:
                raise invalid(
                    f"Error occurred while {operation}. EC2 Error Code: {code}. EC2 Error Message: The {kind} "
                    f"'{resource_id}' does not exist"
                )


def bounds(call: ApiCall) -> None:
    storage = (call["EphemeralStorage"] or {}).get("Size")
    for value, member, most in (
        (call["Timeout"], "timeout", _LONGEST_TIMEOUT),
        (call["MemorySize"], "memorySize", _LARGEST_MEMORY),
        (storage, "ephemeralStorage.size", _LARGEST_STORAGE),
    ):
        if value is not None and value > most:
            raise _too_much(value, member, most)


def role(call: ApiCall) -> None:
    if call["Role"] is None:
        return
    role = permissions.find_role(call["Role"])
    if role is None or not permissions.may_be_assumed(role, "lambda.amazonaws.com", {}).allowed:
        raise invalid("The role defined for the function cannot be assumed by Lambda.")


def layers(call: ApiCall) -> None:
    if len(call["Layers"] or ()) > _MOST_LAYERS:
        raise invalid(f"Cannot reference more than {_MOST_LAYERS} layers.")


def code(call: ApiCall) -> None:
    code = call["Code"] if call.operation == "CreateFunction" else call.parameters
    if not any(code.get(member) is not None for member in ("ZipFile", "S3Bucket", "ImageUri")):
        raise invalid("Please provide a source for function code.")
    if code.get("ImageUri") is not None and call["PackageType"] == "Zip":
        raise invalid("Please do not provide an ImageUri when creating a function with packageType Zip.")
    if code.get("S3Bucket") is not None and code.get("S3Key") is None:
        raise invalid("Please provide the S3Key of the function's code.")
    if code.get("S3Bucket") is not None:
        _require_object(call, code["S3Bucket"], code["S3Key"])
    zipped = code.get("ZipFile")
    if zipped is None:
        return
    content = zipped if isinstance(zipped, bytes) else base64.b64decode(zipped)
    if not content:
        raise invalid("Uploaded file must be a non-empty zip")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            empty = not archive.namelist()
    except zipfile.BadZipFile:
        text = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise invalid(text) from None
    if empty:
        raise invalid("Uploaded file must be a non-empty zip")


def _require_object(call: ApiCall, bucket: str, key: str) -> None:
    bucket_object = s3_backends[call.account]["aws"].buckets.get(bucket)
    if bucket_object is None or key not in bucket_object.keys:
        code, problem = ("NoSuchBucket", "bucket does not") if bucket_object is None else ("NoSuchKey", "key does not")
        raise invalid(
            f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: The specified {problem} exist"
        )


ON_UPDATE: Final = (runtime, bounds, layers, network, logging, role)
"""Rules for members that UpdateFunctionConfiguration can change."""

ON_CREATE: Final = (mandatory, *ON_UPDATE, code)
