"""Each page of the documentation, executed: its files are written, its commands run, its output compared."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.house.plain_words import files
from tests.pages.blocks import Block, blocks, commands, fits, start
from tests.pages.not_run import NOT_RUN, reason
from tests.pages.workspace import Workspace
from tests.places import ROOT

PAGES = sorted(str(file.relative_to(ROOT)) for file in files() if file.suffix == ".md")
CLOUD = re.compile(
    r"cronstack(?: -\S+)* (?:cdk|runs|logs|explain|status|trigger|once|backfill|dead-letters|strays|retire)\b|--local"
    r"|^(?:\$ )?aws |127\.0\.0\.1:4570|\bonce\.\w+\(",
    re.MULTILINE,
)
"""What a block holds that needs a local cloud."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def runs(page: str) -> list[Block]:
    """Return the blocks of a page that a test runs."""
    return [block for block in blocks(text_of(page)) if block.language != "text" and not reason(page, block.first)]


@pytest.mark.parametrize("page", [page for page in PAGES if runs(page)])
def test_each_block_of_the_page_runs(page: str, tmp_path: Path) -> None:
    with Workspace(tmp_path, start=start(text_of(page))) as workspace:
        for block in runs(page):
            execute(block, page, workspace)


def execute(block: Block, page: str, workspace: Workspace) -> None:
    place = f"{page}:{block.line}"
    if block.kind not in ("file", "data") and CLOUD.search(block.text):
        workspace.need_cloud()
    match block.kind:
        case "file":
            assert block.path
            workspace.write(block.path, block.text)
        case "python":
            error = workspace.python(place, "\n" * (block.line - 1) + block.text)
            assert not error, f"{place}\n{error}"
        case "shell":
            code, printed = workspace.shell(block.text)
            assert code == 0, f"{place} ended with {code}:\n{printed}"
        case "console":
            for command in commands(block.text):
                code, printed = workspace.shell(command.text)
                if command.output is None:
                    assert code == 0, f"{place}: {command.text} ended with {code}:\n{printed}"
                else:
                    assert fits(command.output, printed), f"{place}: {command.text} printed:\n{printed}"
        case "data":
            (json if block.language == "json" else tomllib).loads(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_names_a_known_language(page: str) -> None:
    for block in blocks(text_of(page)):
        assert block.kind


@pytest.mark.parametrize(("page", "first"), NOT_RUN)
def test_each_entry_of_not_run_fits_a_block(page: str, first: str) -> None:
    assert any(block.first.startswith(first) for block in blocks(text_of(page))), "remove the entry"
