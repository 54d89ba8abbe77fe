"""The files of a new project: one job, its test, and the files that the cdk CLI needs.

The templates are in ``cronstack_infra/scaffold``. A template called ``*.template`` has {{placeholders}}. All others are
copied unchanged, so the linters and tests of this repository check them.
"""

from __future__ import annotations

from importlib import metadata, resources
from pathlib import Path
from typing import Final

from cronstack_infra.cli.commands.new.kit_source import KitSource, kit_source
from cronstack_infra.lock_file import LOCK, update

FILES: Final[dict[str, str]] = {
    "functions/jobs/hello.py": "functions/jobs/hello.py",
    "tests/test_hello.py": "tests/test_hello.py",
    "infra/app.py": "infra/app.py",
    "infra/resources.py": "infra/resources.py",
    "cdk.json": "cdk.json.template",
    "pyproject.toml": "pyproject.toml.template",
    "README.md": "README.md.template",
    ".gitignore": "gitignore.template",
}
"""Template of each file of a new project."""

SOURCE: Final = """
[tool.uv.sources]
# The copy of Cronstack that created this project. On another machine, use its path there, or a git URL.
cronstack = {}
"""


def write_project(root: Path, *, name: str, source: KitSource | None = None) -> list[str]:
    """Write the project ``name`` into the folder ``root`` and return the paths of its files, relative to it.

    The project installs Cronstack from ``source``. Defaults to the source of the running copy.
    """
    source = kit_source() if source is None else source
    scaffold = resources.files("cronstack_infra") / "scaffold"
    values = {
        "{{name}}": name,
        "{{version}}": metadata.version("cronstack"),
        "{{source}}": SOURCE.format(source.uv) if source.uv else "",
        "{{pip}}": source.pip,
    }
    for path, template in FILES.items():
        text = scaffold.joinpath(template).read_text("utf-8")
        if template.endswith(".template"):
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    update(root, "jobs", {"hello": False}, ci=False)
    return [*FILES, LOCK]
