"""What Lambda's Python image contains in addition to the standard library."""

from __future__ import annotations

from typing import Final

LAMBDA_IMAGE: Final = (
    "awslambdaric",
    "runtime_client",
    "simplejson",
    "snapshot_restore_py",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "six",
    "urllib3",
)
"""Import names of packages and modules. Any other package must be in the deployed zip."""
