"""Thirty-two clients and three hundred occurrences at once over HTTP: ``tests/e2e/test_many_clients.py`` at full size.

python -m tests.bench.clients
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.kit import bound

ROOT = Path(__file__).parents[2]
LONGEST = 1800


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-s", "tests/e2e/test_many_clients.py"]
    return bound.run(command, cwd=ROOT, env={"CRONSTACK_OCCURRENCES": "300", **os.environ}, timeout=LONGEST).returncode


if __name__ == "__main__":
    sys.exit(main())
