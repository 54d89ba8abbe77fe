"""Zips of functions: which version of an S3 object is meant, and how large its files may be."""

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
"""Bytes that a function's files and those of its layers may have, unzipped. Lambda's limit is 250 MB."""


def take_version(package: Any, account: str, given: Mapping[str, Any]) -> None:
    """Give ``package``, moto's function or layer, the code of the object version that is asked for."""
    bucket, key, version = given["S3Bucket"], given["S3Key"], given["S3ObjectVersion"]
    try:
        found = s3_backends[account]["aws"].get_object(bucket, key, version_id=version)
    except S3ClientError:
        found = None
    if found is None:
        raise InvalidParameterValueException(
            "Error occurred while GetObject. S3 Error Code: NoSuchVersion. S3 Error Message: The specified version "
            "does not exist."
        )
    content = privates.code_in(found)
    package.code_bytes, package.code_size, package.code_sha_256, package.code_digest = content


def unzipped_size(code: bytes) -> int:
    """Bytes of the files in a zip; 0 for what is no zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            return sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile:
        return 0


def require_zip(code: bytes) -> None:
    """Raise InvalidParameterValueException for what is no zip."""
    if not zipfile.is_zipfile(io.BytesIO(code)):
        text = "Could not unzip uploaded file. Please check your file, then try to upload again."
        raise InvalidParameterValueException(text)


def require_size(code: bytes, *layers: bytes) -> None:
    """Raise InvalidParameterValueException when the files of a zip and of the layers with it are too large."""
    own = unzipped_size(code)
    if own > LARGEST:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {LARGEST} bytes")
    whole = own + sum(unzipped_size(layer) for layer in layers)
    if whole > LARGEST:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {LARGEST} bytes. The actual size "
            f"is {whole} bytes."
        )
