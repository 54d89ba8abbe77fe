"""Import every module of a package of jobs, validate the declarations, and return jobs and schedules.

Discovery runs at synthesis, in ``cronstack list`` and ``next``, and in tests, but never in Lambda. It imports modules
under the names that they have in Lambda (``jobs.daily``). It reports all faults of all files together, with file and
line. It skips files and folders that begin with "_", which other modules may import.

A job belongs to the module that defines its function, so an imported job is not found twice. Lambda finds the handler
by the name of the function in its module. If that name does not contain the job, this is a fault.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

from cronstack.declaration import Job
from cronstack.declaration import job as declare
from cronstack.errors import DeclarationError
from cronstack.timetable.instants import Schedule
from cronstack_infra.discovery.bound_notes import bound_note
from cronstack_infra.discovery.importing import importable, imported, relative
from cronstack_infra.discovery.undeployed import undeployed
from cronstack_infra.discovery.validation import judge
from cronstack_infra.names import WATCHDOG


@dataclass(frozen=True)
class DeclaredJob:
    """A job with a valid declaration."""

    job: Job
    schedules: tuple[Schedule, ...]
    """In the order of ``job.schedules``, without ``once()``, which has no timetable."""
    where: str
    """Place of the declaration, such as "functions/jobs/daily.py:12"."""

    @property
    def name(self) -> str:
        return self.job.name


@dataclass(frozen=True)
class Discovery:
    """The jobs of a package, and notes on them."""

    jobs: tuple[DeclaredJob, ...]
    """Jobs, sorted by name."""
    notes: tuple[str, ...]
    """Notes that are not faults, such as on an at() in the past."""


def discover(package: str, root: Path, *, now: datetime | None = None) -> Discovery:
    """Import and validate the jobs of ``package``, a folder in ``root``. Raise DeclarationError with all faults.

    now: aware time. With it, add notes on schedules that never fire again.
    """
    root = root.resolve()
    if not package.isidentifier() or not (root / package).is_dir():
        raise DeclarationError(
            f"the package of jobs {package!r} is missing in {root}",
            remedy=f"Create the folder {root / package} with a job in a file, or choose another package: --jobs jobs",
        )
    faults: list[DeclarationError] = []
    found: list[DeclaredJob] = []
    with importable(root):
        for name, path in _modules(root / package, package):
            module = imported(name, path, root, faults)
            if module is not None:
                found += _jobs(module, root, faults)
                faults += _unreached(module, path, root)
    reported = {fault.where for fault in faults}
    faults += (fault for fault in undeployed(package, root) if fault.where not in reported)
    faults += _duplicates(found)
    if faults:
        raise _all(faults)
    jobs = tuple(sorted(found, key=lambda declared: declared.name))
    return Discovery(jobs, tuple(_notes(jobs, now)) if now is not None else ())


def _modules(folder: Path, package: str) -> Iterator[tuple[str, Path]]:
    """Yield dotted name and file of each module, in a fixed order."""
    if (folder / "__init__.py").is_file():
        yield package, folder / "__init__.py"
    for path in sorted(folder.iterdir()):
        if path.name.startswith(("_", ".")):
            continue
        if path.is_dir():
            yield from _modules(path, f"{package}.{path.name}")
        elif path.suffix == ".py":
            yield f"{package}.{path.stem}", path


def _jobs(module: ModuleType, root: Path, faults: list[DeclarationError]) -> Iterator[DeclaredJob]:
    """Yield the valid jobs that the module defines. Add the faults of the others to ``faults``."""
    own: dict[int, tuple[str, Job]] = {}
    for attribute, value in vars(module).items():
        if isinstance(value, Job) and value.function.__module__ == module.__name__:
            own.setdefault(id(value), (attribute, value))
    for attribute, job in own.values():
        where = f"{relative(Path(job.file), root)}:{job.line}"
        schedules, own_faults = judge(job, where)
        if job.name == WATCHDOG:
            reason = f"the name {WATCHDOG!r} is reserved for the job of Cronstack that watches the others"
            own_faults.append(DeclarationError(reason, where=where, remedy='Choose another one: @job(name="...").'))
        name = job.function.__name__
        if vars(module).get(name) is not job and name != "<lambda>":
            reason = (
                f"the module has the job as {attribute}, but its function is {name}; Lambda would call {name} unguarded"
            )
            remedy = f"Put @job(...) above def {name}. To name the job {attribute}: @job(name={attribute!r})."
            own_faults.append(DeclarationError(reason, where=where, remedy=remedy))
        if own_faults:
            faults += own_faults
        else:
            yield DeclaredJob(job, schedules, where)


def _unreached(module: ModuleType, path: Path, root: Path) -> Iterator[DeclarationError]:
    """Yield a fault for each job in the source text that is missing in the module. Lambda would never run it."""
    lines = {value.line for value in vars(module).values() if isinstance(value, Job)}
    for function, inside in _functions(ast.parse(path.read_bytes())):
        decorators = [part.func if isinstance(part, ast.Call) else part for part in function.decorator_list]
        if not any(_is_job(part, module) for part in decorators):
            continue
        line = function.decorator_list[0].lineno
        where = f"{relative(path, root)}:{line}"
        if isinstance(inside, ast.ClassDef):
            yield DeclarationError(
                f"the job {function.name!r} is inside the class {inside.name}, where Lambda cannot find it",
                where=where,
                remedy="Move it to the top level of the module.",
            )
        elif inside is not None:
            yield DeclarationError(
                f"the job {function.name!r} is defined in a loop: each iteration replaces the previous one, so only "
                "the last would run",
                where=where,
                remedy="Give one job a list of schedules, or write a function for each.",
            )
        elif line not in lines:
            yield DeclarationError(
                f"the job {function.name!r} is lost: a later line of the module assigns another value to that name",
                where=where,
                remedy="Rename the function or the other value.",
            )


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.stmt | None]]:
    """Yield top-level functions, and functions in top-level classes and loops, with the class or loop.

    Functions under an "if" are left out, because they may be undefined on purpose.
    """
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.For | ast.While):
            for part in node.body if isinstance(node, ast.ClassDef) else ast.walk(node):
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield part, node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, None


def _is_job(decorator: ast.expr, module: ModuleType) -> bool:
    """Return whether a decorator is Cronstack's ``job``, by the value of its name in the module."""
    if isinstance(decorator, ast.Attribute) and isinstance(decorator.value, ast.Name):
        return getattr(vars(module).get(decorator.value.id), decorator.attr, None) is declare
    return isinstance(decorator, ast.Name) and vars(module).get(decorator.id) is declare


def _duplicates(found: list[DeclaredJob]) -> Iterator[DeclarationError]:
    first: dict[str, DeclaredJob] = {}
    for declared in found:
        other = first.setdefault(declared.name, declared)
        if other is not declared:
            yield DeclarationError(
                f"two jobs have the name {declared.name!r}; the other one is at {other.where}",
                where=declared.where,
                remedy=f'Rename one of the functions, or write @job(name="{declared.name}_2", ...).',
            )


def _all(faults: list[DeclarationError]) -> DeclarationError:
    """Return one error with all faults. If two modules import the same broken module, its fault is listed once."""
    distinct = list({str(fault): fault for fault in faults}.values())
    if len(distinct) == 1:
        return distinct[0]
    return DeclarationError(f"{len(distinct)} faults in the declarations of jobs\n" + "\n".join(map(str, distinct)))


def _notes(jobs: tuple[DeclaredJob, ...], now: datetime) -> Iterator[str]:
    for declared in jobs:
        for schedule in declared.schedules:
            if note := bound_note(schedule, now):
                yield f"{declared.where}: {declared.name}: {schedule.expression} ({schedule.timezone}) {note}"
