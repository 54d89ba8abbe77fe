"""The child process that runs the Python blocks of one page, all in one namespace.

It reads one JSON object for each line of stdin: ``name`` and ``code`` of a block, ``environ`` and ``folder``. It prints
one JSON object for each: ``error``, which is a traceback or "".
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback


def main() -> None:
    answers, sys.stdout = sys.stdout, io.StringIO()
    namespace: dict[str, object] = {"__name__": "page"}
    for line in sys.stdin:
        block = json.loads(line)
        os.environ.clear()
        os.environ.update(block["environ"])
        with contextlib.chdir(block["folder"]):
            sys.path[:0] = [path for path in ("functions", "infra", ".") if path not in sys.path]
            print(json.dumps({"error": run(block["code"], block["name"], namespace)}), file=answers, flush=True)


def run(code: str, name: str, namespace: dict[str, object]) -> str:
    """Execute a block. Return its traceback, or "" if it raised nothing."""
    try:
        exec(compile(code, name, "exec"), namespace)
    except BaseException:
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    main()
