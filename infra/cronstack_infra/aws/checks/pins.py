"""Notes on requirements without exact versions: another machine would deploy another asset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

_COMMENT: Final = re.compile(r"(^|\s)#.*")
_OPTION: Final = re.compile(r"\s--?[a-zA-Z].*")


def notes(requirements: Path, installed: Path) -> list[str]:
    """Return a note for each line without an exact version, and a note for all packages that no line names.

    ``installed``: the folder with the installed requirements.
    """
    versions = dict(_versions(installed))
    messages, named = [], set()
    for number, line in _lines(requirements.read_text("utf-8")):
        requirement = _requirement(line)
        if requirement is not None:
            named.add(canonicalize_name(requirement.name))
        if requirement is None or not _is_exact(requirement):
            remedy = _pin(requirement, versions)
            messages.append(
                f"{requirements}:{number}: {line!r} is not an exact version: another machine, or a later "
                f"deployment, may deploy other code.{remedy}"
            )
    others = [f"{name}=={version}" for name, version in sorted(versions.items()) if name not in named]
    if others:
        messages.append(
            f"{requirements}: no line names {', '.join(others)}, which other packages need: another machine may deploy "
            "other versions. Write all of them into the file: uv pip compile --generate-hashes -o requirements.txt …"
        )
    return messages


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each requirement, without comments, options, and hashes on following lines."""
    waiting, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if waiting else number
        waiting += line
        if waiting.endswith("\\"):
            waiting = waiting[:-1]
            continue
        bare = _OPTION.sub("", _COMMENT.sub("", f" {waiting}")).strip()
        waiting = ""
        if bare:
            yield first, bare


def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def _is_exact(requirement: Requirement) -> bool:
    """Return whether a requirement names one version, or one file by its hash."""
    if requirement.url is not None:
        return re.search(r"#(.*&)?sha(256|384|512)=", requirement.url) is not None
    return any(part.operator in ("==", "===") and not part.version.endswith(".*") for part in requirement.specifier)


def _versions(installed: Path) -> Iterator[tuple[str, str]]:
    """Yield canonical name and version of each installed package."""
    for about in installed.glob("*.dist-info"):
        name, _, version = about.name.removesuffix(".dist-info").rpartition("-")
        yield canonicalize_name(name), version


def _pin(requirement: Requirement | None, versions: dict[str, str]) -> str:
    version = None if requirement is None else versions.get(canonicalize_name(requirement.name))
    if requirement is None or version is None:
        return ""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f" Pin it: {requirement.name}{extras}=={version}"
