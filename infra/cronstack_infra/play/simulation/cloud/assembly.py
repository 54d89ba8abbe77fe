"""The deployed template and code: the output of a project's app, cached by the content of the sources.

This runs the same app as the cdk CLI, without the CLI. The app writes an assembly (the template, a folder for each
asset) into a given folder. While no source changes, the cached assembly is used.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Final

import cronstack
import cronstack_infra
from cronstack.errors import CronstackError, DeclarationError
from cronstack_infra.lock_file import LOCK
from cronstack_infra.names import ALWAYS, WATCHDOG_CONTEXT
from cronstack_infra.progress import Report
from cronstack_infra.project import CDK_JSON, Project
from cronstack_infra.toolchain import node, process
from cronstack_infra.toolchain.complete_folder import build_folder_once

SYNTH_LIMIT: Final = 300.0
"""Time limit of the app in seconds."""
WRONG_DECLARATION: Final = 2
"""Exit code of the app whose output is the message of a DeclarationError."""
MAX_KEPT: Final = 8
"""Number of cached assemblies. One that a process uses stays longer."""
_IN_USE: Final[dict[Path, int]] = {}
"""The assemblies that this process uses, with the descriptors of their folders: open and locked until it ends."""
_IGNORED: Final = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class Assembly:
    """A synthesized stack: all that a deployment needs."""

    stack: str
    package: str
    template: str
    """JSON."""
    assets: Mapping[str, Path]
    """Folder of each zip by its key in the bootstrap bucket."""


def ignore_progress(line: str) -> None:
    """Ignore a line of progress."""


def synthesize(project: Project, package: str = "jobs", *, progress: Report = ignore_progress) -> Assembly:
    """Return the assembly of a package's stack, from the cache if no source has changed.

    Other inputs of the app (its environment, the network) are not compared. Delete ``.cronstack/synth`` after such a
    change. Raise DeclarationError for wrong declarations, else CronstackError.
    """
    folder = project.state / "synth" / fingerprint(project, package)
    while True:
        complete = build_folder_once(folder, lambda part: _run(project, package, part, progress), progress=progress)
        if mark_in_use(complete):
            break
    delete_oldest_unused(complete)
    return read(complete, project.stack(package), package)


def read(folder: Path, stack: str, package: str) -> Assembly:
    """Return an assembly that the cdk has written."""
    try:
        template = (folder / f"{stack}.template.json").read_text("utf-8")
        listed = json.loads((folder / f"{stack}.assets.json").read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError) as fault:
        raise CronstackError(
            f"{folder} holds no assembly of the stack {stack}: {fault}", remedy="Synthesize it: cdk synth"
        ) from fault
    assets = {
        destination["objectKey"]: folder / asset["source"]["path"]
        for asset in listed.values()
        if asset["source"].get("packaging") == "zip"
        for destination in asset["destinations"].values()
    }
    return Assembly(stack, package, template, assets)


def fingerprint(project: Project, package: str) -> str:
    """Return a hash of all sources of the template and the code."""
    digest = sha256()
    about = (package, project.name, sys.version, metadata.version("aws-cdk-lib"))
    digest.update("\0".join(about).encode())
    ours, around = Path(cronstack.__file__).parent, Path(cronstack_infra.__file__).parent
    places = [project.functions, project.root / "infra"]
    for place in (*places, ours, around / "aws", around / "discovery"):
        for file in _sources(place):
            if not (place == project.root / "infra" and file.is_relative_to(around)):
                digest.update(f"\0{file.relative_to(place)}\0".encode())
                digest.update(sha256(file.read_bytes()).digest())
    lock = project.root / LOCK
    for file in (project.root / CDK_JSON, *([lock] if lock.is_file() else []), *sorted(around.glob("*.py"))):
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:24]


def _sources(place: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if name not in _IGNORED and not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(".pyc"))


def _run(project: Project, package: str, into: Path, progress: Report) -> None:
    progress("run the project's app")
    context = {"jobs": package, "cronstack:local": "true", "aws:cdk:version-reporting": False}
    if project.context.get(WATCHDOG_CONTEXT) != ALWAYS:  # a run every five minutes, in each simulation and each test
        context[WATCHDOG_CONTEXT] = "false"
    environ = node.node_environment(dict(os.environ), project.state) | {
        "CDK_OUTDIR": str(into),
        "CDK_CONTEXT_JSON": json.dumps({**project.context, **context}),
        "CDK_DEFAULT_REGION": "us-east-1",
        "PYTHONHASHSEED": "0",
    }
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        environ.pop(name, None)
    output: list[str] = []
    try:
        command = [sys.executable, "infra/app.py"]
        code = process.run(command, cwd=project.root, environ=environ, timeout=SYNTH_LIMIT, on_line=output.append)
    except process.TimedOut as fault:
        raise CronstackError(
            f"infra/app.py had not ended after {SYNTH_LIMIT:.0f} s", remedy="Run it yourself: cdk synth"
        ) from fault
    if code == WRONG_DECLARATION:
        raise DeclarationError("\n".join(line for line in output if not line.startswith("note: ")))
    if code != 0:
        text = "\n".join(output[-40:])
        raise CronstackError(f"infra/app.py failed, exit code {code}:\n{text}", remedy="Run it yourself: cdk synth")
    for staged in into.glob("staged-*"):
        shutil.rmtree(staged)  # the assets are copies of it


def mark_in_use(folder: Path) -> bool:
    """Keep other processes from deleting an assembly: a cloud reads code from it while it plays.

    Return False if another process has deleted it.
    """
    if folder in _IN_USE:
        return True
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return False
    fcntl.flock(handle, fcntl.LOCK_SH)  # waits for a process that deletes it
    if not folder.is_dir():
        os.close(handle)
        return False
    _IN_USE[folder] = handle
    return True


def delete_oldest_unused(latest: Path) -> None:
    """Delete the least recently used assemblies next to ``latest``, except those that a process uses."""
    os.utime(latest)
    known = sorted((path for path in latest.parent.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in known[:-MAX_KEPT]:
        if not old.name.endswith(".part"):
            _delete_unused(old)


def _delete_unused(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # another process has deleted it
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # in use
        pass
    finally:
        os.close(handle)
