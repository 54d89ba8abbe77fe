"""Caches of the CDK, jsii, npm and uv below the project, where the home folder cannot be written.

Node may try forever to create a folder there; npm and uv fail. HOME itself stays for all who read the AWS
configuration below it. Only the CDK's Node process gets a home of its own, because the CDK's cache of fingerprints
has no other setting.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path


def give_writable_caches(environ: MutableMapping[str, str], state: Path) -> None:
    """Point each tool whose cache folder cannot be written to one below ``state``. A user's own choice stays."""
    for name, place in _places(environ).items():
        if not (environ.get(name) or environ.get(name.upper())) and not _writable(place):
            environ[name] = str(state / "caches" / place.name)


@contextmanager
def writable_home(environ: MutableMapping[str, str], state: Path) -> Iterator[None]:
    """For the length of the block, in which a child starts: a HOME below ``state`` if the user's cannot be written."""
    home = environ.get("HOME")
    if home is None or _writable(Path(home)):
        yield
        return
    environ["HOME"] = str(state / "home")
    (state / "home").mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        environ["HOME"] = home


def _places(environ: Mapping[str, str]) -> dict[str, Path]:
    """Return where the tools keep their caches by themselves, by the variable that names another place."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    of_linux = home / ".cache" / "aws" / "jsii" / "package-cache"
    of_macos = home / "Library" / "Caches" / "com.amazonaws.jsii" / "package-cache"
    return {
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": of_macos if sys.platform == "darwin" else of_linux,
        "npm_config_cache": home / ".npm",
        "UV_CACHE_DIR": Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "uv",
    }


def _writable(folder: Path) -> bool:
    """Return whether files can be made in a folder, or the folder itself. Leaves nothing behind."""
    existing = folder
    while not os.path.exists(existing) and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".cronstack-", dir=existing):
            return True
    except OSError:
        return False
