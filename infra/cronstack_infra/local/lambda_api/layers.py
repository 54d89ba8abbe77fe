"""Layers of functions: which versions a function has, and how large they may be.

As on AWS, a function keeps the layer versions that it was given, also after they are deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LayerVersion

from cronstack_infra.local.lambda_api import code_packages
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by

MOST: Final = 5
"""Layers of one function."""


def _made(make: Any, self: Any, spec: dict[str, Any], account_id: str, region: str) -> None:
    make(self, spec, account_id, region)
    if spec["Content"].get("S3ObjectVersion"):
        code_packages.take_version(self, account_id, spec["Content"])
    code_packages.require_zip(self.code_bytes)
    code_packages.require_size(self.code_bytes)


def _data(self: Any, arns: Sequence[str]) -> list[dict[str, Any]]:
    """Check the layers that a function is given, and keep them."""
    if len(arns) > MOST:
        raise InvalidParameterValueException(f"Cannot reference more than {MOST} layers.")
    names = [arn.rpartition(":")[0] for arn in arns]
    if len(set(names)) < len(names):
        raise InvalidParameterValueException(
            "Two different versions of the same layer are not allowed to be referenced in the same function."
        )
    found = tuple(_version(self, arn) for arn in arns)
    code_packages.require_size(getattr(self, "code_bytes", b""), *(one.code_bytes for one in found))
    self.layer_versions = found
    return [{"Arn": one.arn, "CodeSize": one.code_size} for one in found]


def _version(function: Any, arn: str) -> LayerVersion:
    from moto.awslambda.utils import get_backend

    found: LayerVersion | None = get_backend(function.account_id, function.region).layers_versions_by_arn(arn)
    if found is None or found.arn != arn:
        raise InvalidParameterValueException(
            f"Layer version {arn} does not exist. The local cloud has only the layers that are published to it."
        )
    return found


PATCHES: Final = (
    Patch(
        "moto.awslambda.models:LayerVersion",
        "__init__",
        "(self, spec, account_id, region)",
        "A layer may be anything, of any size, and is the newest version of its S3 object.",
        "a_layer_may_be_no_zip",
        wrapped_by(_made),
    ),
    Patch(
        "moto.awslambda.models:LambdaFunction",
        "_get_layers_data",
        "(self, layers_versions_arns)",
        "A function accepts more than five layers, and two versions of one.",
        "a_function_takes_six_layers",
        replaced_by(_data),
    ),
)
