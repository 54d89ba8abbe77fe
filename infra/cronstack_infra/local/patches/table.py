"""The table of all patches of moto. The test suite fails if a patch is missing from it.

Each row is in the module of the functions that replace moto's. This module lists those modules, in the order in which
they are applied. CloudFormation is a separate group: it imports nearly all of moto, which takes seconds. The local
cloud applies its patches with the first request that needs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from cronstack_infra.local.moto.patch import Patch


def services() -> tuple[ModuleType, ...]:
    """Return the modules whose patches every cloud applies at its start."""
    from cronstack_infra.local.apis import batches, identities, notifications, rules, schedules, sqs
    from cronstack_infra.local.dynamodb import (
        conditions,
        consumption,
        numbers,
        queries,
        responses,
        restoring,
        sizes,
        transactions,
        writes,
    )
    from cronstack_infra.local.http import unsupported
    from cronstack_infra.local.lambda_api import (
        event_invoke,
        event_sources,
        function_configuration,
        function_routes,
        lambdas,
        layers,
        qualifiers,
    )

    return (
        conditions,
        transactions,
        writes,
        queries,
        numbers,
        consumption,
        responses,
        restoring,
        sizes,
        sqs,
        batches,
        layers,
        function_configuration,
        function_routes,
        event_invoke,
        qualifiers,
        identities,
        unsupported,
        schedules,
        rules,
        lambdas,
        event_sources,
        notifications,
    )


def stacks() -> tuple[ModuleType, ...]:
    """Return the modules with the patches of CloudFormation."""
    from cronstack_infra.local.cloudformation import change_sets, requests, stacks

    return (stacks, requests, change_sets)


def in_process() -> tuple[ModuleType, ...]:
    """Return the modules with the patches that let a simulation answer the requests of its own process."""
    from cronstack_infra.local.apis import in_process

    return (in_process,)


def modules() -> tuple[ModuleType, ...]:
    return (*services(), *stacks(), *in_process())


def rows(modules: Iterable[ModuleType]) -> tuple[Patch, ...]:
    return tuple(patch for module in modules for patch in module.PATCHES)


def table() -> tuple[Patch, ...]:
    """Return all patches, in the order in which they are applied."""
    return rows(modules())
