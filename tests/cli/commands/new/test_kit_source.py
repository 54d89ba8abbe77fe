"""A new project installs the same copy of Cronstack that created it."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cronstack_infra import cli
from cronstack_infra.cli.commands.new import kit_source
from cronstack_infra.cli.commands.new.kit_source import KitSource
from cronstack_infra.cli.commands.new.project import write_project
from tests.places import ROOT

CLONE: dict[str, Any] = {"url": "file:///home/ada/my%20clone", "dir_info": {}}
WHEEL: dict[str, Any] = {"url": "file:///tmp/cronstack-0.1.0-py3-none-any.whl", "archive_info": {"hash": "sha256=0"}}
DOWNLOAD: dict[str, Any] = {"url": "https://example.com/cronstack-0.1.0.tar.gz", "archive_info": {}}
GIT: dict[str, Any] = {
    "url": "https://example.com/cronstack.git",
    "vcs_info": {"vcs": "git", "commit_id": "4cf2e1a", "requested_revision": "main"},
}


def read(record: dict[str, Any]) -> KitSource:
    return kit_source.read(json.dumps(record), "0.1.0")


def declared(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (CLONE, {"path": "/home/ada/my clone", "editable": True}),
        (CLONE | {"dir_info": {"editable": True}}, {"path": "/home/ada/my clone", "editable": True}),
        (WHEEL, {"path": "/tmp/cronstack-0.1.0-py3-none-any.whl"}),
        (DOWNLOAD, {"url": "https://example.com/cronstack-0.1.0.tar.gz"}),
        (GIT, {"git": "https://example.com/cronstack.git", "rev": "4cf2e1a"}),
        (GIT | {"subdirectory": "kit"}, {"git": "https://example.com/cronstack.git", "rev": "4cf2e1a"}),
        ({"url": 'file:///a/"quoted"/ü', "dir_info": {}}, {"path": '/a/"quoted"/ü', "editable": True}),
    ],
)
def test_pyproject_contains_the_source_for_uv(record: dict[str, Any], expected: dict[str, Any], tmp_path: Path) -> None:
    write_project(tmp_path, name="shop", source=read(record))
    extra = {"subdirectory": record["subdirectory"]} if "subdirectory" in record else {}
    assert declared(tmp_path)["tool"]["uv"]["sources"] == {"cronstack": expected | extra}


def test_an_installation_from_a_registry_needs_no_source(tmp_path: Path) -> None:
    write_project(tmp_path, name="shop", source=kit_source.read(None, "0.1.0"))
    assert declared(tmp_path)["tool"]["uv"] == {"package": False}
    assert "pip install 'cronstack>=0.1.0' mypy pytest" in (tmp_path / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (CLONE, ["-e", "/home/ada/my clone"]),
        (WHEEL, ["/tmp/cronstack-0.1.0-py3-none-any.whl"]),
        (DOWNLOAD, ["cronstack @ https://example.com/cronstack-0.1.0.tar.gz"]),
        (GIT, ["cronstack @ git+https://example.com/cronstack.git@4cf2e1a"]),
        (
            GIT | {"subdirectory": "kit"},
            ["cronstack @ git+https://example.com/cronstack.git@4cf2e1a#subdirectory=kit"],
        ),
    ],
)
def test_the_readme_contains_the_source_for_pip(record: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    write_project(tmp_path, name="shop", source=read(record))
    words = shlex.split((tmp_path / "README.md").read_text("utf-8").partition("pip install ")[2].partition("\n")[0])
    assert words == [*expected, "mypy", "pytest"]


def test_this_environment_has_cronstack_from_its_clone() -> None:
    clone = ROOT
    assert kit_source.kit_source().path == clone


def test_a_source_that_no_longer_exists_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another record, first on Python's path, replaces the installed one."""
    record = tmp_path / "site" / "cronstack-0.1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.4\nName: cronstack\nVersion: 0.1.0\n")
    (record / "direct_url.json").write_text(json.dumps(WHEEL | {"url": f"file://{tmp_path}/gone.whl"}))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "shop"]) == 0
    message = capsys.readouterr().err
    assert f"Warning: this Cronstack was installed from {tmp_path}/gone.whl, which no longer exists." in message
    assert "[tool.uv.sources]" in message
