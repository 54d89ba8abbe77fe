"""A project is found from any folder inside it, and its names fit AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cronstack.errors import CronstackError, DeclarationError
from cronstack_infra.project import Project


def write(root: Path, **context: object) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "cdk.json").write_text(json.dumps({"app": "x", "context": context}))
    return root


def test_found_from_a_folder_below(tmp_path: Path) -> None:
    root = write(tmp_path / "clone", **{"cronstack:project": "shop"})
    (root / "functions" / "jobs").mkdir(parents=True)
    project = Project.find(root / "functions" / "jobs")
    assert (project.root, project.name) == (root, "shop")
    assert project.functions == root / "functions"
    assert project.state == root / ".cronstack"


def test_stacks_are_named_after_project_and_package(tmp_path: Path) -> None:
    project = Project.find(write(tmp_path, **{"cronstack:project": "shop"}))
    assert project.stack("jobs") == "shop"
    assert project.stack("examples") == "shop-examples"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My Shop_2", "My-Shop-2"),
        ("2nd.shop-", "nd-shop"),
        ("--", "project"),
        ("a" * 60, "a" * 40),
        ("b" * 39 + "-c", "b" * 39),
    ],
)
def test_without_a_name_the_folders_name_is_used(tmp_path: Path, folder: str, name: str) -> None:
    assert Project.find(write(tmp_path / folder)).name == name


@pytest.mark.parametrize("name", ["", "1shop", "my shop", "shop-", "a--b", "x" * 41, 7])
def test_a_name_that_aws_refuses_is_refused_here(tmp_path: Path, name: object) -> None:
    with pytest.raises(DeclarationError, match="cronstack:project") as caught:
        Project.find(write(tmp_path, **{"cronstack:project": name}))
    assert str(tmp_path / "cdk.json") in str(caught.value)
    assert "shop" in caught.value.remedy


def test_the_error_outside_of_a_project_has_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(CronstackError, match=r"no cdk\.json") as caught:
        Project.find(tmp_path)
    assert "cronstack new" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"context": []}'])
def test_the_error_for_an_invalid_file_has_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "cdk.json").write_text(text)
    with pytest.raises(CronstackError, match=r"cdk\.json"):
        Project.find(tmp_path)


def test_the_module_imports_no_heavy_package() -> None:
    heavy = ("boto3", "aws_cdk", "jsii", "moto", "click")
    code = f"import sys, cronstack_infra.project as _; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, timeout=30).strip() == "[]"
