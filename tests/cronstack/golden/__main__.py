"""``python -m tests.cronstack.golden``: write the golden files of today's version anew, on purpose."""

from __future__ import annotations

import sys

from tests.cronstack.golden.samples import FOLDER, renew


def main() -> int:
    for path in (changed := renew()):
        print(path.relative_to(FOLDER))
    print(f"{len(changed)} changed. Look at the difference: only a format that was never released may change.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
