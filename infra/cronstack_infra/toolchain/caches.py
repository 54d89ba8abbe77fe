"""Cache folders of the CDK, jsii, npm and uv in the project, for machines whose home folder is read-only.

Without them, npm and uv fail, and Node may retry forever to create a folder. HOME itself is not changed, because the
AWS configuration is below it. Only the CDK's Node process gets another HOME: its fingerprint cache has no other
setting.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path


def set_writable_caches(environ: MutableMapping[str, str], state: Path) -> None:
    """Set a cache folder below ``state`` for each tool whose default is read-only. Keep the user's settings."""
    for name, place in _places(environ).items():
        if not (environ.get(name) or environ.get(name.upper())) and not _writable(place):
            environ[name] = str(state / "caches" / place.name)


@contextmanager
def writable_home(environ: MutableMapping[str, str], state: Path) -> Iterator[None]:
    """During the block, in which a child starts, set HOME to a folder below ``state`` if the user's is read-only."""
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
    """Return the default cache folder of each tool, by the environment variable that overrides it."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    of_linux = home / ".cache" / "aws" / "jsii" / "package-cache"
    of_macos = home / "Library" / "Caches" / "com.amazonaws.jsii" / "package-cache"
    return {
        "JSII_RUNTIME_PACKAGE_CACHE_ROOT": of_macos if sys.platform == "darwin" else of_linux,
        "npm_config_cache": home / ".npm",
        "UV_CACHE_DIR": Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "uv",
    }


def _writable(folder: Path) -> bool:
    """Return whether files can be created in a folder, or the folder itself. Leave no file behind."""
    existing = folder
    while not os.path.exists(existing) and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".cronstack-", dir=existing):
            return True
    except OSError:
        return False
