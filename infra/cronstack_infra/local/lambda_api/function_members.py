"""The support for each member of a function's configuration that AWS has: honoured, kept or refused.

Members are named as in Lambda's API or in a template's AWS::Lambda::Function. A decision about a structure holds for
all its members. A test reads AWS's schemas, and fails for a new member until it is added here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

HONOURED: Final = frozenset(
    {
        "Architectures",
        "Code.ImageUri",
        "Code.S3Bucket",
        "Code.S3Key",
        "Code.S3ObjectVersion",
        "Code.ZipFile",
        "CodeSha256",
        "DeadLetterConfig",
        "Description",
        "DestinationConfig",
        "DryRun",
        "Environment",
        "FunctionName",
        "Handler",
        "Layers",
        "LoggingConfig.ApplicationLogLevel",
        "LoggingConfig.LogFormat",
        "LoggingConfig.LogGroup",
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
        "MemorySize",
        "PackageType",
        "Publish",
        "RecursiveLoop",
        "Qualifier",
        "ReservedConcurrentExecutions",
        "RevisionId",
        "Role",
        "Runtime",
        "Tags",
        "Timeout",
    }
)
"""Members that take effect as on AWS. Some are only shown, as on AWS."""

KEPT: Final[Mapping[str, str]] = {
    "Code.S3ObjectStorageMode": "Lambda reads the same code, whether it copies the object or not",
    "Code.SourceKMSKeyArn": "nothing is encrypted here",
    "EphemeralStorage": "the size of the scratch folder is not limited",
    "KMSKeyArn": "nothing is encrypted here",
    "KmsKeyArn": "nothing is encrypted here",
    "LoggingConfig.SystemLogLevel": "Lambda's own lines are always logged",
    "RuntimeManagementConfig": "the Python that runs Cronstack runs every function",
    "SnapStart.ApplyOn": "None is the only value that is accepted",
    "TracingConfig": "there is no X-Ray",
    "VpcConfig": "handlers have the network of this machine",
}
"""Members that are only stored and shown, each with the reason why code runs the same without them."""

REFUSED: Final[Mapping[str, str]] = {
    "AcceleratorConfig": "accelerators",
    "CapacityProviderConfig": "capacity providers",
    "CodeSigningConfigArn": "code signing",
    "DurableConfig": "durable functions",
    "DurableExecutionName": "durable functions",
    "FileSystemConfigs": "file systems",
    "FunctionScalingConfig": "scaling of managed instances",
    "ImageConfig": "container images",
    "PublishTo": "publishing to managed instances",
    "PublishToLatestPublished": "publishing to managed instances",
    "RuntimeConfig": "runtimes of your own",
    "TenancyConfig": "isolation of tenants",
    "TenantId": "isolation of tenants",
}
"""Unsupported members that change how code runs, each with the name of its feature."""

REFUSED_VARIABLES: Final[Mapping[str, str]] = {
    "AWS_LAMBDA_EXEC_WRAPPER": "wrapper scripts",
}
"""Environment variables that change how Lambda starts the runtime."""

RESERVED_VARIABLES: Final = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
    ]
)
"""Environment variables that Lambda sets itself."""
_LARGEST_ENVIRONMENT: Final = 4096


def decided(member: str) -> bool:
    """Return whether a decision exists about a member, given by its path, or about a structure that contains it."""
    parts = member.split(".")
    paths = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return bool(paths & (HONOURED | KEPT.keys() | REFUSED.keys()))


def why_not(given: Mapping[str, Any]) -> str | None:
    """Return why the local cloud cannot run a function with this configuration; None when it can."""
    if given.get("PackageType", "Zip") != "Zip":
        return "The local cloud does not run container images"
    variables = (given.get("Environment") or {}).get("Variables") or {}
    if fault := environment_fault(variables):
        return fault
    for name, feature in REFUSED.items():
        if given.get(name):
            return f"The local cloud does not carry out {feature} ({name})"
    for name, feature in REFUSED_VARIABLES.items():
        if name in variables:
            return f"The local cloud does not carry out {feature} (environment variable {name})"
    if (given.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        return "The local cloud does not carry out SnapStart"
    runtime = given.get("Runtime")
    if runtime and not runtime.startswith("python3."):
        return f"The local cloud runs Python functions only, not {runtime}"
    return None


def environment_fault(variables: Mapping[str, Any]) -> str | None:
    """Return Lambda's error message about invalid environment variables; None if they are valid."""
    unable = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    if reserved := sorted(RESERVED_VARIABLES & variables.keys()):
        return (
            f"{unable} contains reserved keys that are currently not supported for modification. Reserved keys used "
            f"in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if variables and len(measured.encode()) > _LARGEST_ENVIRONMENT:
        return f"{unable} exceeded the 4KB limit. String measured: {measured}"
    return None
