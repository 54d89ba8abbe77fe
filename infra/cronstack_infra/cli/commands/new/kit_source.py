"""The source from which the running Cronstack was installed. A new project installs Cronstack from the same source.

Installers record a source other than a registry in the distribution's ``direct_url.json`` (PEP 610).
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
    """A source of the distribution "cronstack", as uv and pip write it."""

    uv: str
    """Inline table for ``[tool.uv.sources]``. Empty for a registry, which is the default of uv."""
    pip: str
    """Arguments of ``pip install``, quoted for a shell."""
    path: Path | None = None
    """The folder or file, if the source is on this machine."""


def kit_source() -> KitSource:
    """Return the source of the installed distribution."""
    distribution = metadata.distribution(KIT)
    return read(distribution.read_text("direct_url.json"), distribution.version)


def read(direct_url: str | None, version: str) -> KitSource:
    """Return the source that the text of a ``direct_url.json`` describes. None: installed from a registry."""
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
        # Editable: otherwise uv and pip would keep using the copy that they built first.
        return KitSource(uv=_table(path=str(path), editable=True), pip=f"-e {shlex.quote(str(path))}", path=path)
    return KitSource(uv=_table(path=str(path)), pip=shlex.quote(str(path)), path=path)


def _repository(url: str, record: Mapping[str, Any]) -> KitSource:
    system, commit = record["vcs_info"]["vcs"], record["vcs_info"]["commit_id"]
    folder = {"subdirectory": record["subdirectory"]} if record.get("subdirectory") else {}
    fragment = f"#subdirectory={folder['subdirectory']}" if folder else ""
    # uv supports only git; for other version control systems the project gets no source for uv.
    table = _table(git=url, rev=commit, **folder) if system == "git" else ""
    return KitSource(uv=table, pip=shlex.quote(f"{KIT} @ {system}+{url}@{commit}{fragment}"))


def _table(**values: str | bool) -> str:
    """Return a TOML inline table. TOML and JSON write these two types in the same way."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()) + " }"
