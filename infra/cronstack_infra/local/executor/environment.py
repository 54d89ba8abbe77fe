"""The environment of a handler process: Lambda's variables, then the function's own; nothing of ours leaks in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cronstack_infra.local.executor.values import Function


def environment(
    function: Function,
    *,
    code: Path,
    runtime_api: str,
    endpoint: str,
    log_stream: str,
    scratch: Path,
    image: Path,
    session: str,
) -> dict[str, str]:
    """What Lambda sets, with this machine's paths, and the address of the local cloud.

    The scratch folder stands in TMPDIR because /tmp cannot be a folder of each sandbox's own here.
    """
    lambdas = {
        "_HANDLER": function.handler,
        "AWS_ACCESS_KEY_ID": function.access_key,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": session,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "LAMBDA_TASK_ROOT": str(code),
        "LAMBDA_RUNTIME_DIR": str(image),
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "LD_LIBRARY_PATH": str(code / "lib"),
        "PYTHONPATH": str(image),
    }
    locals_ = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TMPDIR": str(scratch),
    }
    return {**locals_, **function.environment, **lambdas}


def trace_id(now: float, request_id: str) -> str:
    """X-Ray's trace header of an invocation."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    return f"Root=1-{int(now):08x}-{digest[:24]};Parent={digest[24:40]};Sampled=0"
