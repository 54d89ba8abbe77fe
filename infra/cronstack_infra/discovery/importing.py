"""Import one module of jobs under the name it has in Lambda. Turn any exception into one message.

The import has the region and the credentials that Lambda always sets (see ``aws_variables``).
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
from cronstack_infra.discovery.aws_variables import as_in_lambda

_CORRECT: Final = "Correct the line. Python must be able to import a module of jobs by itself, here as in Lambda."


@contextmanager
def importable(root: Path) -> Iterator[None]:
    """Put ``root`` at the front of ``sys.path`` for the length of the block. In Lambda, it is the root of the code."""
    folder = str(root.resolve())
    if folder in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # a module of jobs has removed it
            sys.path.remove(folder)


def imported(name: str, path: Path, root: Path, faults: list[DeclarationError]) -> ModuleType | None:
    """Return the module, or None after adding a fault."""
    shown = relative(path, root)
    if not all(part.isidentifier() for part in name.split(".")):
        remedy = "Rename it to letters, digits and _, or begin its name with _ if it holds no job."
        faults.append(DeclarationError("no module can have this name", where=shown, remedy=remedy))
        return None
    try:
        with as_in_lambda(os.environ), redirect_stdout(sys.stderr):  # what a module prints must not get into a listing
            module = importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may raise anything, SystemExit, too
        faults.append(_import_fault(error, path, root))
        return None
    loaded = getattr(module, "__file__", None)
    if loaded is None or not path.samefile(loaded):
        faults.append(
            DeclarationError(
                f"importing {name} gives another module: {loaded}",
                where=shown,
                remedy=f"Two folders called {name.split('.')[0]!r} are in Python's path; take one out or rename it.",
            )
        )
        return None
    return module


def _import_fault(error: BaseException, path: Path, root: Path) -> DeclarationError:
    """Describe the error at the last line of the project's own code that was reached."""
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
    """Return what is wrong, and the remedy."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    what = f"the module does not import: {said}"
    if isinstance(error, TypeError) and "job() takes 0 positional arguments" in str(error):
        remedy = 'Say @job(schedule=rate("5 minutes")), or @job() if it runs only when triggered.'
        return "@job is written without its parentheses", remedy
    if isinstance(error, SyntaxError):
        return f"the module does not import: {type(error).__name__}: {error.msg}", _CORRECT
    if isinstance(error, ModuleNotFoundError):
        return (
            what,
            f"If {error.name} is a dependency of your jobs, install it and add it to functions/requirements.txt.",
        )
    if isinstance(error, SystemExit):
        return what, 'Put what the file does when it is run below: if __name__ == "__main__":'
    if isinstance(error, KeyError) and frames[-1].filename in (os.__file__, "<frozen os>"):
        return (
            f"the module reads the environment variable {error.args[0]} when it is imported, and it is not set here",
            "Read it inside the handler: env= and add_environment set it in Lambda only.",
        )
    if type(error).__module__.startswith("botocore."):
        return (
            what,
            "Call AWS inside the handler. Importing a module must not depend on this machine's AWS configuration.",
        )
    return what, _CORRECT


def relative(path: Path, root: Path) -> str:
    """ "functions/jobs/daily.py": as seen from the project's folder; absolute if it lies elsewhere."""
    try:
        return path.resolve().relative_to(root.parent).as_posix()
    except ValueError:
        return str(path)
