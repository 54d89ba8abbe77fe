"""Where the running copy of Cronstack was installed from, so that a new project can install the same copy.

Installers record a source that is no registry in the distribution's ``direct_url.json`` (PEP 610).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

KIT: Final = "cronstack"


@dataclass(frozen=True)
class KitSource:
    """One source of the distribution "cronstack", in the words of uv and of pip."""

    uv: str
    """Inline table for ``[tool.uv.sources]``. Empty for a registry, which uv asks by itself."""
    pip: str
    """Arguments of ``pip install``, quoted for a shell."""
    path: Path | None = None
    """The folder or file on this machine, if the source is one."""


def kit_source() -> KitSource:
    """Return the source of the installed distribution."""
    distribution = metadata.distribution(KIT)
    return read(distribution.read_text("direct_url.json"), distribution.version)


def read(direct_url: str | None, version: str) -> KitSource:
    """Translate the text of a ``direct_url.json``. None stands for an installation from a registry."""
    if direct_url is None:
        return KitSource(uv="", pip=shlex.quote(f"{KIT}>={version}"))
    record: Mapping[str, Any] = json.loads(direct_url)
    url = str(record["url"])
    path = Path(url2pathname(urlsplit(url).path)) if urlsplit(url).scheme == "file" else None
    if "vcs_info" in record:
        return _repository(url, record)
    if path is None:
        return KitSource(uv=_table(url=url), pip=shlex.quote(f"{KIT} @ {url}"))
    if "dir_info" in record:
        # Editable, because uv and pip would else keep using the copy that they built first.
        return KitSource(uv=_table(path=str(path), editable=True), pip=f"-e {shlex.quote(str(path))}", path=path)
    return KitSource(uv=_table(path=str(path)), pip=shlex.quote(str(path)), path=path)


def _repository(url: str, record: Mapping[str, Any]) -> KitSource:
    system, commit = record["vcs_info"]["vcs"], record["vcs_info"]["commit_id"]
    inside = {"subdirectory": record["subdirectory"]} if record.get("subdirectory") else {}
    fragment = f"#subdirectory={inside['subdirectory']}" if inside else ""
    # uv installs from git only; for other systems of version control the project has no source that uv could use.
    table = _table(git=url, rev=commit, **inside) if system == "git" else ""
    return KitSource(uv=table, pip=shlex.quote(f"{KIT} @ {system}+{url}@{commit}{fragment}"))


def _table(**values: str | bool) -> str:
    """Return a TOML inline table. JSON writes these two types as TOML does."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()) + " }"
