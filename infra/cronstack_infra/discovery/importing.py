"""Import one module of jobs under the name it has in Lambda. Convert any exception into a fault with a remedy.

The AWS region and credentials are set, as always in Lambda (see ``aws_variables``).
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Final

from cronstack.errors import DeclarationError
from cronstack_infra.discovery.aws_variables import lambda_variables

_CORRECT: Final = "Correct the line. A module of jobs must be importable on its own, here and in Lambda."


@contextmanager
def importable(root: Path) -> Iterator[None]:
    """Put ``root`` at the front of ``sys.path`` during the block. In Lambda, it is the root of the code."""
    folder = str(root.resolve())
    if folder in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # a module of jobs may have removed it
            sys.path.remove(folder)


def imported(name: str, path: Path, root: Path, faults: list[DeclarationError]) -> ModuleType | None:
    """Return the module. On an error, add a fault and return None."""
    shown = relative(path, root)
    if not all(part.isidentifier() for part in name.split(".")):
        remedy = "Rename it: letters, digits and _. If it contains no job, begin its name with _."
        faults.append(DeclarationError("the file name is not a valid module name", where=shown, remedy=remedy))
        return None
    try:
        with (
            lambda_variables(os.environ),
            redirect_stdout(sys.stderr),
        ):  # output of a module must not mix with the command's
            module = importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may raise anything, including SystemExit
        faults.append(_import_fault(error, path, root))
        return None
    loaded = getattr(module, "__file__", None)
    if loaded is None or not path.samefile(loaded):
        faults.append(
            DeclarationError(
                f"importing {name} loads another file: {loaded}",
                where=shown,
                remedy=f"Two folders called {name.split('.')[0]!r} are on sys.path. Remove or rename one.",
            )
        )
        return None
    return module


def _import_fault(error: BaseException, path: Path, root: Path) -> DeclarationError:
    """Return the fault, located at the last line of the project's code in the traceback."""
    folder = root / path.relative_to(root).parts[0]
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    file, line = (Path(own[-1].filename), own[-1].lineno) if own else (path, None)
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(folder):
        file, line = Path(error.filename), error.lineno
    what, remedy = _explained(error, frames)
    where = relative(file, root) + (f":{line}" if line else "")
    return DeclarationError(what, where=where, remedy=remedy)


def _explained(error: BaseException, frames: traceback.StackSummary) -> tuple[str, str]:
    """Return the message and the remedy for an import error."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    what = f"the module cannot be imported: {text}"
    if isinstance(error, TypeError) and "job() takes 0 positional arguments" in str(error):
        remedy = 'Write @job(schedule=rate("5 minutes")), or @job() if it runs only when triggered.'
        return "@job is written without parentheses", remedy
    if isinstance(error, SyntaxError):
        return f"the module cannot be imported: {type(error).__name__}: {error.msg}", _CORRECT
    if isinstance(error, ModuleNotFoundError):
        return (
            what,
            f"If {error.name} is a dependency of your jobs, install it and add it to functions/requirements.txt.",
        )
    if isinstance(error, SystemExit):
        return what, 'Move the code that runs the file below: if __name__ == "__main__":'
    if isinstance(error, KeyError) and frames[-1].filename in (os.__file__, "<frozen os>"):
        return (
            f"the module reads the environment variable {error.args[0]} during its import, but it is not set here",
            "Read it inside the handler: env= and add_environment set it in Lambda only.",
        )
    if type(error).__module__.startswith("botocore."):
        return (
            what,
            "Call AWS inside the handler. Importing a module must not depend on this machine's AWS configuration.",
        )
    return what, _CORRECT


def relative(path: Path, root: Path) -> str:
    """Return "functions/jobs/daily.py", relative to the project's folder; absolute if the file is elsewhere."""
    try:
        return path.resolve().relative_to(root.parent).as_posix()
    except ValueError:
        return str(path)
