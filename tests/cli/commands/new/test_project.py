"""``cronstack new``: the files it writes, and the folders it rejects."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest

from cronstack_infra import cli
from cronstack_infra.cli.commands.new.project import FILES
from cronstack_infra.project import Project
from tests.places import ROOT


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_of(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_new_project_is_complete(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["new", "shop"]) == 0
    assert files_of(here / "shop") == {*FILES, "cronstack.lock"}
    project = Project.find(here / "shop")
    assert (project.name, project.stack()) == ("shop", "shop")
    declared = tomllib.loads((here / "shop" / "pyproject.toml").read_text())
    assert declared["project"]["name"] == "shop"
    assert declared["project"]["dependencies"][0].startswith("cronstack>=")
    for name in FILES:
        assert "{{" not in (here / "shop" / name).read_text(), name
    shown = capsys.readouterr().out
    assert "cd shop" in shown
    assert "cronstack up" in shown


def test_the_project_name_is_a_cleaned_folder_name(here: Path) -> None:
    assert cli.run(["new", "My Shop_2!"]) == 0
    assert json.loads((here / "My Shop_2!" / "cdk.json").read_text())["context"]["cronstack:project"] == "My-Shop-2"


def test_the_next_command_is_quoted_for_a_shell(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["new", "my shop"]) == 0
    assert "  cd 'my shop'\n" in capsys.readouterr().out


@pytest.mark.parametrize("found", [(), (".git",)])
def test_an_empty_folder_is_accepted(here: Path, found: tuple[str, ...]) -> None:
    (here / "shop").mkdir()
    for name in found:
        (here / "shop" / name).mkdir()
    assert cli.run(["new", "shop"]) == 0


def test_the_current_folder_is_accepted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["new", "."]) == 0
    assert (here / "cdk.json").exists()
    assert "  cd " not in capsys.readouterr().out


def test_a_folder_with_files_is_invalid_input(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "shop").mkdir()
    (here / "shop" / "letter.txt").write_text("dear")
    assert cli.run(["new", "shop"]) == 2
    assert "shop is not empty" in capsys.readouterr().err
    assert files_of(here / "shop") == {"letter.txt"}


def test_an_existing_file_is_invalid_input(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "shop").write_text("")
    assert cli.run(["new", "shop"]) == 2
    assert "'shop' is a file" in capsys.readouterr().err


def test_a_missing_folder_argument_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["new"]) == 2
    assert "Missing argument 'DIR'" in capsys.readouterr().err


SCAFFOLD = ROOT / "infra" / "cronstack_infra" / "scaffold"


@pytest.mark.parametrize(
    ("template", "ours"),
    [
        ("functions/jobs/hello.py", "functions/jobs/hello.py"),
        ("infra/resources.py", "infra/resources.py"),
        ("tests/test_hello.py", "tests/jobs/test_hello.py"),
    ],
)
def test_the_scaffold_equals_the_files_of_the_repository(template: str, ours: str) -> None:
    """The files are duplicated, and this test keeps them equal, so no build step has to copy them."""
    assert (SCAFFOLD / template).read_text() == (ROOT / ours).read_text()


def test_cdk_json_equals_the_one_of_the_repository() -> None:
    expected = (
        (ROOT / "cdk.json").read_text().replace('"cronstack:project": "cronstack"', '"cronstack:project": "{{name}}"')
    )
    assert (SCAFFOLD / "cdk.json.template").read_text() == expected


def test_the_app_equals_the_one_of_the_repository_without_examples() -> None:
    ours = ast.parse((ROOT / "infra" / "app.py").read_text())
    for node in ast.walk(ours):
        for statement in getattr(node, "body", []):
            if isinstance(statement, ast.If) and "examples" in ast.unparse(statement.test):
                node.body[node.body.index(statement)] = statement.orelse[0]
    theirs = ast.parse((SCAFFOLD / "infra" / "app.py").read_text())
    assert [ast.unparse(node) for node in theirs.body[1:]] == [ast.unparse(node) for node in ours.body[1:]]
