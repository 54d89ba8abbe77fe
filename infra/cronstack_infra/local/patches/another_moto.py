"""Another version of moto, installed into a separate folder.

All other packages remain as installed, so that only moto differs. Requirements of this version of moto that the
installed packages do not satisfy are installed into the folder, too.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from cronstack.errors import CronstackError
from cronstack_infra.local.moto.patch import pinned
from cronstack_infra.toolchain import process
from cronstack_infra.toolchain.uv import find_uv

_TIME_LIMIT: Final = 300.0
_LAST: Final = 12
"""Lines of the installer's output in an error message."""
_NO_SUCH_VERSION: Final = re.compile(r"no version of moto|No matching distribution found for moto", re.IGNORECASE)

Installer = Callable[[list[str], Path], None]
"""Installs requirements, given with options, into a folder."""


def install(moto: str, folder: Path, installer: Installer | None = None) -> None:
    """Install a version of moto. Raise CronstackError if the version or an installer is missing."""
    installer = installer or _install
    installer(["--no-deps", f"moto=={moto}"], folder)
    if unmet := list(unmet_requirements(folder)):
        installer(unmet, folder)


def unmet_requirements(folder: Path) -> Iterator[str]:
    """Yield the requirements of the moto in a folder that the installed packages do not satisfy."""
    (moto,) = (dist for dist in distributions(path=[str(folder)]) if dist.metadata["Name"].lower() == "moto")
    extras = Requirement(pinned()).extras
    for text in moto.requires or ():
        required = Requirement(text)
        applies = any(required.marker is None or required.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        if applies and not _is_satisfied(required):
            yield f"{required.name}{required.specifier}"


def _is_satisfied(required: Requirement) -> bool:
    try:
        return required.specifier.contains(version(required.name), prereleases=True)
    except PackageNotFoundError:
        return False


def _install(requirements: list[str], folder: Path) -> None:
    output: list[str] = []
    code = process.run(
        [*install_command(), "--quiet", "--target", str(folder), *requirements],
        cwd=Path.cwd(),
        environ=os.environ,
        timeout=_TIME_LIMIT,
        on_line=output.append,
    )
    if code == 0:
        return
    if any(_NO_SUCH_VERSION.search(line) for line in output):
        raise CronstackError(
            f"{requirements[-1].replace('==', ' ')} does not exist",
            remedy="https://pypi.org/project/moto/#history lists the versions.",
        )
    raise CronstackError(
        f"could not install {requirements[-1]}:\n    " + "\n    ".join(output[-_LAST:]),
        remedy="Check that the package index is reachable.",
    )


def install_command() -> list[str]:
    """Return the command that installs packages. Raise CronstackError if neither uv nor pip is installed."""
    if uv := find_uv(Path.cwd()):
        return [*uv, "pip", "install", "--python", sys.executable]
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    raise CronstackError(
        "cannot install another version of moto: neither uv nor pip is installed",
        remedy="Install uv: https://docs.astral.sh/uv/getting-started/installation/",
    )
