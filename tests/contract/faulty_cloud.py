"""The local cloud with rules of its refusals taken away: ``python -m tests.contract.faulty_cloud RULE …``,
each named like ``sqs.SendMessage._delay``. A process of its own, so that the fault is in no other cloud.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cronstack_infra.local.process import LocalCloud

ROOT = Path(__file__).parents[2]


def main(faults: list[str]) -> int:
    from cronstack_infra.local import __main__ as program
    from cronstack_infra.local.refusals import intake

    for fault in faults:
        service, operation, name = fault.split(".")
        rules = intake.RULES[service][operation]
        left = tuple(rule for rule in rules if rule.__name__ != name)
        assert len(left) == len(rules) - 1, fault
        intake.RULES[service] = {**intake.RULES[service], operation: left}
    sys.argv = [sys.argv[0], "--port", "0"]
    return program.main()


@contextmanager
def faulty_cloud(*faults: str) -> Iterator[LocalCloud]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.faulty_cloud", *faults],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    cloud = LocalCloud(process, None)
    with cloud:
        ready = cloud._ready.get(timeout=60)
        assert ready is not None
        cloud.endpoint = ready["endpoint"]
        yield cloud


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
