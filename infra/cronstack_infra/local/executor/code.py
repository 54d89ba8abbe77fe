"""Deployed code on disk: each zip is unpacked once, by its hash, into a read-only folder."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sys
import threading
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cronstack_infra.lambda_image import LAMBDA_IMAGE
from cronstack_infra.local.executor.values import Layer

SDK: Final = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3", "simplejson")
"""Packages that the warden has loaded. A function whose zip has one of these cannot run in a fork of the warden."""


CLOCK: Final = ("time_machine", "_time_machine")
"""Modules that shift the clock of a handler process (see ``bootstrap``)."""


def link_image(folder: Path) -> None:
    """Fill ``folder`` with links to this interpreter's packages that Lambda's image has."""
    link(folder, LAMBDA_IMAGE)


def link(folder: Path, names: Sequence[str]) -> None:
    """Fill ``folder`` with links to packages and modules of this interpreter."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            if sys.platform == "linux":
                raise ModuleNotFoundError(f"{name} is needed to run handlers", name=name)
            continue
        origin = Path(spec.origin)
        source = origin.parent if spec.submodule_search_locations else origin
        (folder / source.name).symlink_to(source)


class CodeFolders:
    """Unpacked zips below ``place``. ``of`` may be called from several threads."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._unpacking = threading.Lock()

    def of(self, sha256: str, code: bytes) -> Path:
        """Return the folder with the files of ``code``."""
        name = "".join(letter if letter.isalnum() else "_" for letter in sha256) or "empty"
        folder = self._place / name
        with self._unpacking:
            if not folder.exists():
                partial = folder.with_name(name + ".part")
                _unpack(code, partial)
                partial.rename(folder)
        return folder

    def opt(self, layers: Sequence[Layer]) -> Path:
        """Return the folder used as /opt: the files of all layers, where later layers replace files of earlier ones."""
        if len(layers) < 2:
            return self.of(layers[0].sha256, layers[0].code) if layers else self._place / "no layers"
        parts = [self.of(layer.sha256, layer.code) for layer in layers]
        folder = self._place / hashlib.sha256("+".join(part.name for part in parts).encode()).hexdigest()
        with self._unpacking:
            if not folder.exists():
                partial = folder.with_name(folder.name + ".part")
                for part in parts:
                    shutil.copytree(part, partial, copy_function=_link_over, dirs_exist_ok=True)
                partial.rename(folder)
        return folder


def _link_over(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)
    os.link(source, target)


def must_spawn(code: Path, layers: Path) -> bool:
    """Return whether the code or its layers need a new process instead of a fork of the warden.

    An SDK of their own must replace the loaded one. The dynamic loader reads LD_LIBRARY_PATH when a process starts.
    """
    modules = (code, layers / "python", *layers.glob("python/lib/python3.*/site-packages"))
    libraries = (code, code / "lib", layers / "lib")
    return any(_has_sdk(folder) for folder in modules) or any(
        next(folder.glob("*.so*"), None) is not None for folder in libraries
    )


def _has_sdk(folder: Path) -> bool:
    return any((folder / name).exists() or (folder / f"{name}.py").exists() for name in SDK)


def _unpack(code: bytes, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        for item in archive.infolist():
            written = archive.extract(item, folder)  # drops "..", drive letters and leading slashes
            if not item.is_dir():
                mode = (item.external_attr >> 16) & 0o777
                os.chmod(written, (mode | 0o444) & 0o555)
