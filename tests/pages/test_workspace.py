"""The workspace of a page: the next block finds what the one before has left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.workspace import ADDRESS, UP, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path, start="empty") as found:
        yield found


def test_variables_and_folder_stay(workspace: Workspace) -> None:
    assert workspace.shell("NAME=shop; mkdir $NAME; cd $NAME") == (0, "")
    assert workspace.shell('echo "$NAME $(basename "$PWD")"') == (0, "shop shop\n")


def test_the_first_failure_ends_a_shell_block(workspace: Workspace) -> None:
    assert workspace.shell("false\necho more") == (1, "")


def test_python_blocks_share_a_namespace_and_see_files_and_variables(workspace: Workspace) -> None:
    workspace.write("functions/jobs/_money.py", "EURO = 100\n")
    workspace.shell("export CENTS=5")
    assert not workspace.python("page:1", "import os\nfrom jobs._money import EURO\n")
    assert not workspace.python("page:2", "assert EURO + int(os.environ['CENTS']) == 105")
    assert "page:3" in workspace.python("page:3", "raise ValueError")


def test_the_address_of_pages_means_the_workspaces_cloud(workspace: Workspace) -> None:
    code, printed = workspace.shell(f"echo {ADDRESS}; echo $AWS_ENDPOINT_URL; cronstack env")
    assert code == 0
    assert printed.startswith(f"{ADDRESS}\nhttp://{ADDRESS}\n")
    assert f"export AWS_ENDPOINT_URL=http://{ADDRESS}" in printed


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ("cronstack up", ""),
        ("uv run cronstack up --jobs examples  # Ctrl-C ends it", ""),
        ("cronstack new shop && cd shop && cronstack up", "cronstack new shop && cd shop "),
    ],
)
def test_up_is_found_in_a_line(line: str, before: str) -> None:
    found = UP.match(line)
    assert found
    assert found["before"] == before


@pytest.mark.parametrize("line", ["cronstack upgrade", "echo cronstack update", "# cronstack up", "cronstack runs"])
def test_other_lines_are_not_up(line: str) -> None:
    assert not UP.match(line)
