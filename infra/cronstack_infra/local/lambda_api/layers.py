"""Layers of functions: the versions that a function has, and the limit of their size.

As on AWS, a function keeps its layer versions after they are deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LayerVersion

from cronstack_infra.local.lambda_api import code_packages
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by

MAX_LAYERS: Final = 5
"""Lambda's limit of layers of one function."""


def _init(init: Any, self: Any, spec: dict[str, Any], account_id: str, region: str) -> None:
    init(self, spec, account_id, region)
    if spec["Content"].get("S3ObjectVersion"):
        code_packages.take_version(self, account_id, spec["Content"])
    code_packages.require_zip(self.code_bytes)
    code_packages.require_size(self.code_bytes)


def _data(self: Any, arns: Sequence[str]) -> list[dict[str, Any]]:
    """Check and store the layers of a function."""
    if len(arns) > MAX_LAYERS:
        raise InvalidParameterValueException(f"Cannot reference more than {MAX_LAYERS} layers.")
    names = [arn.rpartition(":")[0] for arn in arns]
    if len(set(names)) < len(names):
        raise InvalidParameterValueException(
            "Two different versions of the same layer are not allowed to be referenced in the same function."
        )
    versions = tuple(_version(self, arn) for arn in arns)
    code_packages.require_size(getattr(self, "code_bytes", b""), *(version.code_bytes for version in versions))
    self.layer_versions = versions
    return [{"Arn": version.arn, "CodeSize": version.code_size} for version in versions]


def _version(function: Any, arn: str) -> LayerVersion:
    from moto.awslambda.utils import get_backend

    version: LayerVersion | None = get_backend(function.account_id, function.region).layers_versions_by_arn(arn)
    if version is None or version.arn != arn:
        raise InvalidParameterValueException(
            f"Layer version {arn} does not exist. The local cloud has only the layers that are published to it."
        )
    return version


PATCHES: Final = (
    Patch(
        "moto.awslambda.models:LayerVersion",
        "__init__",
        "(self, spec, account_id, region)",
        "A layer may be an invalid zip of any size, and always is the newest version of its S3 object.",
        "a_layer_need_not_be_a_zip_file",
        wrapped_by(_init),
    ),
    Patch(
        "moto.awslambda.models:LambdaFunction",
        "_get_layers_data",
        "(self, layers_versions_arns)",
        "A function accepts more than five layers, and two versions of the same layer.",
        "a_function_takes_six_layers",
        replaced_by(_data),
    ),
)
