"""moto's CloudFormation, mended from outside and given a provisioner of our own.

Why not only patched: adding in order of dependence, replacing with dependants that follow, Retain and rollback touch
every line of moto's ``ResourceMap``. That class is ours (``provision``), and so are the requests that create, update
and roll back stacks (``requests``) and those of change sets (``change_sets``); the rest stays moto's. Each mend says in
its module what it mends and of which version; a test tells when moto has mended it.
"""

from __future__ import annotations


def install() -> None:
    """Put the mends in place. Imports nearly all of moto, which takes seconds."""
    from cronstack_infra.local.cloudformation import change_sets, requests, stacks

    stacks.install()
    requests.install()
    change_sets.install()
