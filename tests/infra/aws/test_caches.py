"""With a read-only home folder the tools keep their caches below the project, and nothing hangs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cronstack_infra.cli.commands.new.project import write_project
from cronstack_infra.toolchain import CdkCli, ensure_cdk
from cronstack_infra.toolchain.caches import set_writable_caches, writable_home
from cronstack_infra.toolchain.cdk import local_args
from tests.places import ROOT

STATE = Path("/project/.cronstack")
OURS = {
    "JSII_RUNTIME_PACKAGE_CACHE_ROOT": "/project/.cronstack/caches/package-cache",
    "npm_config_cache": "/project/.cronstack/caches/.npm",
    "UV_CACHE_DIR": "/project/.cronstack/caches/uv",
}
NO_HOMES = [
    "/dev/null",
    "/dev/null/home",
    pytest.param("/proc", marks=pytest.mark.skipif(sys.platform != "linux", reason="it has no /proc")),
]


@pytest.mark.parametrize("home", NO_HOMES)
def test_each_tool_gets_a_cache_if_home_is_read_only(home: str) -> None:
    environ = {"HOME": home}
    set_writable_caches(environ, STATE)
    assert environ == {"HOME": home} | OURS


def test_a_writable_home_is_used(tmp_path: Path) -> None:
    for home in (tmp_path, tmp_path / "to" / "be" / "made"):
        environ = {"HOME": str(home)}
        set_writable_caches(environ, STATE)
        assert environ == {"HOME": str(home)}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*OURS, "NPM_CONFIG_CACHE"])
def test_a_users_own_cache_stays(name: str) -> None:
    environ = {"HOME": "/dev/null", name: "/mine"}
    set_writable_caches(environ, STATE)
    assert environ[name] == "/mine"
    assert len(environ) == 4


def test_the_cdk_cli_and_its_app_get_these_caches() -> None:
    environ = CdkCli(Path("/project"), Path("/cdk")).environment({"HOME": "/dev/null"})
    assert OURS.items() <= environ.items()


def test_only_the_cdks_own_process_has_another_home(tmp_path: Path) -> None:
    environ = {"HOME": "/dev/null"}
    with writable_home(environ, tmp_path / "state"):
        assert environ == {"HOME": str(tmp_path / "state" / "home")}
        assert (tmp_path / "state" / "home").is_dir()
    assert environ == {"HOME": "/dev/null"}
    mine = {"HOME": str(tmp_path)}
    with writable_home(mine, tmp_path / "state"):
        assert mine == {"HOME": str(tmp_path)}


@pytest.mark.skipif(sys.platform != "linux", reason="it has no /proc")
def test_the_cli_and_its_app_end_if_home_is_read_only(tmp_path: Path) -> None:
    """Node tries forever to create a folder below /proc."""
    write_project(tmp_path, name="shop")
    cli = ensure_cdk(ROOT, print)
    lines: list[str] = []
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JSII_", "npm_", "UV_"))}
    arguments = local_args("synth", package="jobs", output=tmp_path / "cdk.out")
    code = CdkCli(tmp_path, cli.script).run(arguments, kept | {"HOME": "/proc"}, 300, lines.append)
    assert code == 0, "\n".join(lines)
    assert (tmp_path / ".cronstack" / "caches" / "package-cache").is_dir()
    assert (tmp_path / "cdk.out" / "shop.template.json").is_file()
