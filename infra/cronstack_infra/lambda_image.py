"""What Lambda's Python image has besides the standard library: for the local cloud, and for the check of imports."""

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
"""Names of packages and modules, as they are imported. Anything else must be in the zip."""
