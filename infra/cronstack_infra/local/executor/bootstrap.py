"""The first program of a handler process: sets the search path, then runs the runtime loop.

    python -P -S bootstrap.py PATH -m MODULE ARGS      or      python -P -S bootstrap.py PATH FILE ARGS

PATH holds the folders that come before the standard library. A forked process runs this file, too. Standard library
only: nothing of the kit can be imported here.
"""

from __future__ import annotations

import os
import runpy
import sys


def main() -> None:
    path, argv = sys.argv[1].split(os.pathsep), sys.argv[2:]
    replaced = {*path, *os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    sys.path[:] = [*path, *(folder for folder in sys.path if folder not in replaced)]
    if argv[0] == "-m":
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
