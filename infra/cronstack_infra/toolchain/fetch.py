"""Run ``npm ci`` in a folder that is named after the hash of the lock file.

So a new version gets its own folder, while the old version may still run.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cronstack.errors import CronstackError
from cronstack_infra.progress import Report
from cronstack_infra.toolchain import node, process
from cronstack_infra.toolchain.complete_folder import build_folder_once

TIME_LIMIT: Final = 300.0
"""Timeout of the npm run in seconds. It fetches a few megabytes."""

_MANIFEST = ("package.json", "package-lock.json")
_FLAGS = (
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    "--prefer-offline",  # the lock file has checksums, so npm's cache can be trusted
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=60000",
)


def ensure_packages(manifest: Path, into: Path, *, environ: Mapping[str, str], progress: Report) -> Path:
    """Return the folder below ``into`` with the packages of the lock file in ``manifest``. Fetch them on first use.

    Raise CronstackError with the remedy if npm fails. ``into`` is then unchanged.
    """
    lock_file = (manifest / "package-lock.json").read_bytes()

    def fill(part: Path) -> None:
        for name in _MANIFEST:
            shutil.copyfile(manifest / name, part / name)
        _npm_ci(part, node.node_environment(dict(environ), into.parent), progress)

    return build_folder_once(into / hashlib.sha256(lock_file).hexdigest()[:12], fill, progress=progress)


def _npm_ci(folder: Path, environ: Mapping[str, str], progress: Report) -> None:
    progress("fetching with npm, only once ...")
    output: list[str] = []
    try:
        code = process.run(
            [*node.npm(), *_FLAGS],
            cwd=folder,
            environ=environ,
            timeout=TIME_LIMIT,
            on_line=output.append,
        )
    except process.TimedOut as error:
        raise _unreachable([*output, f"no answer within {TIME_LIMIT:.0f} s"]) from error
    if code != 0:
        raise _unreachable(output)
    progress("fetched")


def _unreachable(output: list[str]) -> CronstackError:
    prefix = "npm error "
    reasons = [line.removeprefix(prefix).strip() for line in output if line.strip() not in ("", prefix.strip())]
    reasons = [line for line in reasons if not line.startswith("A complete log of this run")]
    return CronstackError(
        "npm could not fetch the pinned packages: " + ("; ".join(reasons[:4]) or "it printed no error"),
        remedy=(
            "Is the npm registry reachable? npm uses HTTPS_PROXY, NODE_EXTRA_CA_CERTS, npm_config_registry and "
            "~/.npmrc. Then run the same command again: no partial files were left."
        ),
    )
