"""The cdk CLI is fetched completely or not at all, runs with the packaged Node, and ends with its process group."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from importlib.resources import files
from pathlib import Path

import pytest

from cronstack.errors import CronstackError
from cronstack_infra.toolchain import CdkCli, ensure_cdk, node, process
from tests.places import ROOT

PINNED = "2.1148.1"


@pytest.fixture(scope="module")
def cli() -> CdkCli:
    return ensure_cdk(ROOT, print)


def without_registry(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which npm's registry is a closed port, and its cache is empty."""
    return os.environ | {"npm_config_registry": "http://127.0.0.1:9", "npm_config_cache": str(tmp_path / "npm")}


def test_the_lock_file_pins_one_package_without_a_registry() -> None:
    lock = files("cronstack_infra.toolchain").joinpath("package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert packages["node_modules/aws-cdk"]["version"] == PINNED
    assert packages["node_modules/aws-cdk"]["integrity"].startswith("sha512-")
    assert len(packages) == 2
    assert "://" not in lock


def test_the_pinned_cli_runs_without_node_on_the_path(cli: CdkCli) -> None:
    lines: list[str] = []
    environ = {"PATH": "/nonexistent", "HOME": str(cli.root / "missing")}
    assert cli.run(["--version"], environ, 60, lines.append) == 0
    assert lines[0].startswith(PINNED)


def test_a_second_call_fetches_nothing(cli: CdkCli) -> None:
    lines: list[str] = []
    assert ensure_cdk(ROOT, lines.append) == cli
    assert lines == []


def test_an_unreachable_registry_is_one_error_and_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(CronstackError) as caught:
        ensure_cdk(tmp_path, print, without_registry(tmp_path))
    message = str(caught.value)
    assert "npm could not fetch" in message
    assert "ECONNREFUSED" in message
    assert "HTTPS_PROXY" in message
    assert "Traceback" not in message
    assert [path.name for path in (tmp_path / ".cronstack" / "cdk").iterdir()] == ["fetch.lock"]


def test_leftovers_of_an_interrupted_fetch_do_not_stop_the_next(tmp_path: Path) -> None:
    abandoned = tmp_path / ".cronstack" / "cdk" / "0123456789ab.77.part" / "node_modules"
    abandoned.mkdir(parents=True)
    script = ensure_cdk(tmp_path, print).script
    assert script.is_file()
    assert not abandoned.exists()


def test_a_fetch_killed_in_the_middle_is_done_again(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cronstack_infra.toolchain import ensure_cdk\n"
        "ensure_cdk(Path(sys.argv[1]), lambda line: print(line, flush=True))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as fetch:
        assert fetch.stdout is not None
        assert "npm" in fetch.stdout.readline()
        fetch.kill()
        fetch.wait(timeout=30)
    assert ensure_cdk(tmp_path, print).script.is_file()


def test_two_fetches_at_once_both_end_with_the_cli(tmp_path: Path) -> None:
    scripts: list[Path] = []
    lines: list[str] = []
    fetches = [
        threading.Thread(target=lambda: scripts.append(ensure_cdk(tmp_path, lines.append).script)) for _ in range(2)
    ]
    for fetch in fetches:
        fetch.start()
    for fetch in fetches:
        fetch.join(timeout=120)
    assert len(scripts) == 2
    assert scripts[0] == scripts[1]
    assert lines.count("cdk CLI: fetched") == 1


def test_the_cli_gets_its_settings_by_environment_and_the_users_settings_stay() -> None:
    cli = CdkCli(Path("/project"), Path("/cdk"))
    environ = cli.environment({"JSII_NODE": "/my/node", "NODE_EXTRA_CA_CERTS": "/ca.pem"})
    assert environ["CDK_APP"] == f"{sys.executable} infra/app.py"
    assert environ["CDK_HOME"] == "/project/.cronstack/cdk-home"
    assert environ["NODE_USE_SYSTEM_CA"] == "1"
    assert environ["JSII_NODE"] == "/my/node"
    assert environ["NODE_EXTRA_CA_CERTS"] == "/ca.pem"
    assert cli.environment({"CDK_APP": "mine"})["CDK_APP"] == "mine"
    assert cli.command(["ls"]) == [str(node.node()), "/cdk", "ls"]


def run_python(code: str, *, timeout: float, on_line: object = print) -> int:
    return process.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        environ=os.environ,
        timeout=timeout,
        on_line=on_line,  # type: ignore[arg-type]
    )


# A child that starts a grandchild, prints its id and waits: both hold the output open.
FAMILY = (
    "import subprocess, sys, time\n"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(p.pid, flush=True)\n"
)


def has_ended(pid: int) -> bool:
    """Wait until a process has ended, also as a zombie. The kernel ends a killed process with a delay."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_output_comes_line_by_line_and_the_exit_code_is_the_childs() -> None:
    lines: list[str] = []
    assert (
        run_python("import sys; print('a'); print('b', file=sys.stderr); sys.exit(7)", timeout=30, on_line=lines.append)
        == 7
    )
    assert sorted(lines) == ["a", "b"]


def test_a_timeout_ends_all_child_processes() -> None:
    lines: list[str] = []
    started = time.monotonic()
    with pytest.raises(process.TimedOut):
        run_python(FAMILY + "time.sleep(60)", timeout=6, on_line=lines.append)
    assert time.monotonic() - started < 30, "it waited for the grandchild, which holds the output open"
    assert has_ended(int(lines[0]))


def test_an_interrupt_ends_all_child_processes() -> None:
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_python(FAMILY + "time.sleep(60)", timeout=60, on_line=interrupt)
    assert has_ended(int(lines[0]))


def test_a_killed_parent_leaves_no_child_processes() -> None:
    """A killed parent cleans up nothing: the kernel closes its pipe, and the group ends."""
    program = (
        "import os, sys; from pathlib import Path; from cronstack_infra.toolchain import process\n"
        f"process.run([sys.executable, '-c', {FAMILY + 'time.sleep(60)'!r}], cwd=Path(), environ=os.environ,"
        " timeout=60, on_line=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        grandchild = int(parent.stdout.readline())
        parent.kill()
    assert has_ended(grandchild)


def test_a_timeout_of_the_cli_is_one_error(tmp_path: Path) -> None:
    slow = tmp_path / "slow.js"
    slow.write_text("setTimeout(() => {}, 60000)")
    with pytest.raises(CronstackError, match="cdk deploy had not ended after 1 s") as caught:
        CdkCli(tmp_path, slow).run(["deploy"], os.environ, 1, print)
    assert caught.value.remedy


def test_becoming_the_cli_passes_exit_code_and_folder(tmp_path: Path) -> None:
    script = tmp_path / "cdk.js"
    script.write_text("console.log(process.cwd(), process.argv.slice(2).join(' ')); process.exit(3)")
    code = (
        "import os, sys; from pathlib import Path; from cronstack_infra.toolchain import CdkCli\n"
        "CdkCli(Path(sys.argv[1]), Path(sys.argv[2])).become(['ls', '--long'], os.environ)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(script)], capture_output=True, text=True, timeout=60, cwd="/"
    )
    assert (ended.returncode, ended.stdout.strip()) == (3, f"{tmp_path} ls --long")


def test_node_comes_from_the_wheel_whatever_the_path() -> None:
    version = subprocess.check_output(
        [str(node.node()), "--version"], text=True, timeout=30, env={"PATH": "/nonexistent"}
    )
    assert re.match(r"v24\.", version)


def cronstack_cdk(folder: Path, *args: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", "cdk", *args],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_without_a_registry_reports_it_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text("{}")
    ended = cronstack_cdk(tmp_path, "ls", environ=without_registry(tmp_path))
    assert ended.returncode == 1
    assert "npm could not fetch" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_outside_of_a_project_reports_it_and_exits_with_1(tmp_path: Path) -> None:
    ended = cronstack_cdk(tmp_path, "ls", environ=dict(os.environ))
    assert ended.returncode == 1
    assert "no cdk.json" in ended.stderr
    assert "Traceback" not in ended.stderr
