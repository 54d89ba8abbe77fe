"""The cdk CLI is fetched whole or not at all, by our Node, and runs as one group that ends when it must."""

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
    """An environment in which npm finds a closed port for a registry, and nothing in its cache."""
    return os.environ | {"npm_config_registry": "http://127.0.0.1:9", "npm_config_cache": str(tmp_path / "npm")}


def test_the_lock_file_pins_one_package_and_names_no_registry() -> None:
    lock = files("cronstack_infra.toolchain").joinpath("package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert packages["node_modules/aws-cdk"]["version"] == PINNED
    assert packages["node_modules/aws-cdk"]["integrity"].startswith("sha512-")
    assert len(packages) == 2
    assert "://" not in lock


def test_the_pinned_cli_runs_without_node_on_the_path(cli: CdkCli) -> None:
    said: list[str] = []
    environ = {"PATH": "/nonexistent", "HOME": str(cli.root / "nowhere")}
    assert cli.run(["--version"], environ, 60, said.append) == 0
    assert said[0].startswith(PINNED)


def test_a_second_call_fetches_nothing(cli: CdkCli) -> None:
    said: list[str] = []
    assert ensure_cdk(ROOT, said.append) == cli
    assert said == []


def test_no_registry_in_reach_is_one_clear_message_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CronstackError) as caught:
        ensure_cdk(tmp_path, print, without_registry(tmp_path))
    message = str(caught.value)
    assert "npm could not fetch" in message
    assert "ECONNREFUSED" in message
    assert "HTTPS_PROXY" in message
    assert "Traceback" not in message
    assert [path.name for path in (tmp_path / ".cronstack" / "cdk").iterdir()] == ["fetch.lock"]


def test_what_an_interrupted_fetch_left_does_not_stop_the_next(tmp_path: Path) -> None:
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
    said: list[str] = []
    fetches = [
        threading.Thread(target=lambda: scripts.append(ensure_cdk(tmp_path, said.append).script)) for _ in range(2)
    ]
    for fetch in fetches:
        fetch.start()
    for fetch in fetches:
        fetch.join(timeout=120)
    assert len(scripts) == 2
    assert scripts[0] == scripts[1]
    assert said.count("cdk CLI: fetched") == 1


def test_the_cli_is_told_by_its_environment_and_a_users_choice_stays() -> None:
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


# A child that starts a grandchild, says its id and waits: both hold the output open.
FAMILY = (
    "import subprocess, sys, time\n"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(p.pid, flush=True)\n"
)


def gone(pid: int) -> bool:
    """The kernel ends a killed process soon, not at once; a zombie that nobody has reaped yet has ended."""
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
    said: list[str] = []
    assert (
        run_python("import sys; print('a'); print('b', file=sys.stderr); sys.exit(7)", timeout=30, on_line=said.append)
        == 7
    )
    assert sorted(said) == ["a", "b"]


def test_a_timeout_ends_the_whole_family() -> None:
    said: list[str] = []
    begun = time.monotonic()
    with pytest.raises(process.OutOfTime):
        run_python(FAMILY + "time.sleep(60)", timeout=6, on_line=said.append)
    assert time.monotonic() - begun < 30, "it waited for the grandchild, which holds the output open"
    assert gone(int(said[0]))


def test_an_interrupt_ends_the_whole_family() -> None:
    said: list[str] = []

    def interrupt(line: str) -> None:
        said.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_python(FAMILY + "time.sleep(60)", timeout=60, on_line=interrupt)
    assert gone(int(said[0]))


def test_a_killed_asker_leaves_no_family() -> None:
    """It could tidy up nothing: the kernel closes its pipe, and the group ends."""
    program = (
        "import os, sys; from pathlib import Path; from cronstack_infra.toolchain import process\n"
        f"process.run([sys.executable, '-c', {FAMILY + 'time.sleep(60)'!r}], cwd=Path(), environ=os.environ,"
        " timeout=60, on_line=lambda line: print(line, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        grandchild = int(asker.stdout.readline())
        asker.kill()
    assert gone(grandchild)


def test_a_timeout_of_the_cli_is_one_clear_message(tmp_path: Path) -> None:
    slow = tmp_path / "slow.js"
    slow.write_text("setTimeout(() => {}, 60000)")
    with pytest.raises(CronstackError, match="cdk deploy had not ended after 1 s") as caught:
        CdkCli(tmp_path, slow).run(["deploy"], os.environ, 1, print)
    assert caught.value.remedy


def test_becoming_the_cli_hands_over_exit_code_and_folder(tmp_path: Path) -> None:
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


def test_node_is_the_wheels_whatever_the_path_says() -> None:
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


def test_the_command_without_a_registry_says_so_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text("{}")
    ended = cronstack_cdk(tmp_path, "ls", environ=without_registry(tmp_path))
    assert ended.returncode == 1
    assert "npm could not fetch" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_outside_of_a_project_says_so_and_ends_with_1(tmp_path: Path) -> None:
    ended = cronstack_cdk(tmp_path, "ls", environ=dict(os.environ))
    assert ended.returncode == 1
    assert "no cdk.json" in ended.stderr
    assert "Traceback" not in ended.stderr
