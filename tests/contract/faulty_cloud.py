"""The local cloud without some rules of its refusals: ``python -m tests.contract.faulty_cloud RULE …``.

A rule has a name like ``sqs.SendMessage._delay``. A separate process keeps the fault out of other clouds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cronstack_infra.local.client import LocalCloud
from tests.local.quick_cloud import local_process


def main(arguments: list[str]) -> int:
    """Start the local cloud. ``arguments``: the rules to remove, then the arguments of the local cloud."""
    from cronstack_infra.local import __main__ as program
    from cronstack_infra.local.refusals import intake

    faults, options = arguments[: arguments.index("--port")], arguments[arguments.index("--port") :]
    for fault in faults:
        service, operation, name = fault.split(".")
        rules = intake.RULES[service][operation]
        left = tuple(rule for rule in rules if rule.__name__ != name)
        assert len(left) == len(rules) - 1, fault
        intake.RULES[service] = {**intake.RULES[service], operation: left}
    sys.argv = [sys.argv[0], *options]
    return program.main()


@contextmanager
def faulty_cloud(*faults: str) -> Iterator[LocalCloud]:
    cloud = local_process(["tests.contract.faulty_cloud", *faults], None)
    with cloud:
        ready = cloud._ready.get(timeout=60)
        assert ready is not None
        cloud.endpoint = ready["endpoint"]
        yield cloud


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
