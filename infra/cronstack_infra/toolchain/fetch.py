"""Run ``npm ci`` in a folder that is named after the hash of the lock file.

A new version is fetched beside the old one, which may still run.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cronstack.errors import CronstackError
from cronstack_infra.progress import Say
from cronstack_infra.toolchain import node, process
from cronstack_infra.toolchain.whole import whole_folder

TIME_LIMIT: Final = 300.0
"""Seconds for the whole npm run, which fetches a few megabytes."""

_MANIFEST = ("package.json", "package-lock.json")
_FLAGS = (
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    "--prefer-offline",  # the lock file has checksums, so npm's cache is as good as the registry
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=60000",
)


def ensure_packages(manifest: Path, into: Path, *, environ: Mapping[str, str], progress: Say) -> Path:
    """Return the folder below ``into`` that has the packages of ``manifest``'s lock file. Fetch them on first use.

    Raise CronstackError with the remedy if npm fails. ``into`` is then unchanged.
    """
    lock_file = (manifest / "package-lock.json").read_bytes()

    def fill(part: Path) -> None:
        for name in _MANIFEST:
            shutil.copyfile(manifest / name, part / name)
        _npm_ci(part, node.node_environment(dict(environ), into.parent), progress)

    return whole_folder(into / hashlib.sha256(lock_file).hexdigest()[:12], fill, progress=progress)


def _npm_ci(folder: Path, environ: Mapping[str, str], progress: Say) -> None:
    progress("fetching with npm, once ...")
    said: list[str] = []
    try:
        code = process.run(
            [*node.npm(), *_FLAGS],
            cwd=folder,
            environ=environ,
            timeout=TIME_LIMIT,
            on_line=said.append,
        )
    except process.OutOfTime as error:
        raise _unreachable([*said, f"no answer within {TIME_LIMIT:.0f} s"]) from error
    if code != 0:
        raise _unreachable(said)
    progress("fetched")


def _unreachable(said: list[str]) -> CronstackError:
    prefix = "npm error "
    words = [line.removeprefix(prefix).strip() for line in said if line.strip() not in ("", prefix.strip())]
    words = [line for line in words if not line.startswith("A complete log of this run")]
    return CronstackError(
        "npm could not fetch the pinned packages: " + ("; ".join(words[:4]) or "it said nothing"),
        remedy=(
            "Is the npm registry in reach? npm heeds HTTPS_PROXY, NODE_EXTRA_CA_CERTS, npm_config_registry and "
            "~/.npmrc. Then run the same command again: nothing half-done was left."
        ),
    )
