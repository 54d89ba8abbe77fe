"""The environment of a handler process: Lambda's variables and the function's own, without this machine's variables.

A function may replace the variables that AWS lists as unreserved. Lambda always sets the reserved variables itself.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cronstack_infra.local.executor.values import DeployedFunction

TASK_ROOT: Final = "/var/task"
OPT: Final = "/opt"
RUNTIME_DIR: Final = "/var/runtime"

_SEARCH_PATHS: Final = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH")
"""Variables that list folders. Lambda's folders in them are replaced by this machine's."""
_READ_AT_START: Final = re.compile(r"((GLIBC|LC|LD|MALLOC|OPENSSL)_|PYTHON[A-Z])\w*|PYTHON_GIL|LANG|LANGUAGE")
"""Variables that the loader, the C library, OpenSSL or the interpreter read once, when a process starts."""


@dataclass(frozen=True)
class Folders:
    """A sandbox's counterparts of Lambda's fixed folders. Defaults to Lambda's folders."""

    code: Path = Path(TASK_ROOT)
    layers: Path = Path(OPT)
    image: Path = Path(RUNTIME_DIR)
    scratch: Path = Path("/tmp")

    def here(self, folders: str) -> str:
        """Return a list of folders with Lambda's folders replaced by those of this sandbox."""
        return os.pathsep.join(self._here(folder) for folder in folders.split(os.pathsep))

    def _here(self, folder: str) -> str:
        for remote, local in ((TASK_ROOT, self.code), (OPT, self.layers), (RUNTIME_DIR, self.image)):
            if folder == remote or folder.startswith(f"{remote}/"):
                return f"{local}{folder.removeprefix(remote)}"
        return folder


def environment(
    function: DeployedFunction, folders: Folders, *, runtime_api: str, endpoint: str, log_stream: str, session: str
) -> dict[str, str]:
    """Return the variables of a handler process, with this machine's folders and the local cloud's address.

    TMPDIR names the scratch folder, because sandboxes of one machine share /tmp.
    """
    code, layers = folders.code, folders.layers
    reserved = {
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
        "LAMBDA_TASK_ROOT": str(code),
        "LAMBDA_RUNTIME_DIR": str(folders.image),
    }
    if function.log_level is not None:
        reserved |= {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": function.log_level}
    unreserved = {
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.79.129:2000",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": f"{os.defpath}:{layers}/bin",
        "LD_LIBRARY_PATH": f"{code}:{code}/lib:{layers}/lib",
        "PYTHONPATH": str(folders.image),
    }
    locals_ = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TMPDIR": str(folders.scratch),
        "CRONSTACK_LOCAL_TIMEOUT": str(function.timeout),
    }
    own = {
        name: folders.here(value) if name in _SEARCH_PATHS else value for name, value in function.environment.items()
    }
    return {**locals_, **unreserved, **own, **reserved}


def search_path(function: DeployedFunction, folders: Folders) -> list[str]:
    """Return the folders on sys.path before the standard library, in the order of Lambda's Python runtime.

    A function's own PYTHONPATH replaces the layers' folders.
    """
    code, image = str(folders.code), str(folders.image)
    if "PYTHONPATH" in function.environment:
        given = folders.here(function.environment["PYTHONPATH"])
        return [code, image, *(os.path.join(code, folder) for folder in given.split(os.pathsep))]
    packages = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    python = folders.layers / "python"
    return [code, str(python / packages), str(python), image]


def read_at_start(variables: Mapping[str, str]) -> list[str]:
    """Return the names of variables that take effect only in a process that starts with them."""
    return sorted(name for name in variables if _READ_AT_START.fullmatch(name))


def trace_id(now: float, request_id: str, lineage: str) -> str:
    """Return X-Ray's trace header of an invocation."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    return f"Root=1-{int(now):08x}-{digest[:24]};Parent={digest[24:40]};Sampled=0" + (f";{lineage}" if lineage else "")
