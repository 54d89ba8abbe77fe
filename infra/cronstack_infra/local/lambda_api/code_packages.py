"""Zips of functions and layers: the version of an S3 object, and the limit of their size."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends

from cronstack_infra.local.moto import privates

LARGEST: Final = 262_144_000
"""Lambda's limit of a function's files and its layers' files, unzipped, in bytes: 250 MB."""


def take_version(package: Any, account: str, given: Mapping[str, Any]) -> None:
    """Set the code of ``package``, moto's function or layer, to the requested object version."""
    bucket, key, version = given["S3Bucket"], given["S3Key"], given["S3ObjectVersion"]
    try:
        code_object = s3_backends[account]["aws"].get_object(bucket, key, version_id=version)
    except S3ClientError:
        code_object = None
    if code_object is None:
        raise InvalidParameterValueException(
            "Error occurred while GetObject. S3 Error Code: NoSuchVersion. S3 Error Message: The specified version "
            "does not exist."
        )
    content = privates.code_in(code_object)
    package.code_bytes, package.code_size, package.code_sha_256, package.code_digest = content


def unzipped_size(code: bytes) -> int:
    """Return the bytes of the files in a zip; 0 for an invalid zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            return sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile:
        return 0


def require_zip(code: bytes) -> None:
    """Raise InvalidParameterValueException for an invalid zip."""
    if not zipfile.is_zipfile(io.BytesIO(code)):
        text = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise InvalidParameterValueException(text)


def require_size(code: bytes, *layers: bytes) -> None:
    """Raise InvalidParameterValueException if the files of a zip and its layers are too large."""
    own = unzipped_size(code)
    if own > LARGEST:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {LARGEST} bytes")
    whole = own + sum(unzipped_size(layer) for layer in layers)
    if whole > LARGEST:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {LARGEST} bytes. The actual size "
            f"is {whole} bytes."
        )
