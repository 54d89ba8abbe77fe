"""The app of ``cdk.json``: a user's own cdk CLI works in the folder, and a fault is one message."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cronstack_infra.toolchain import ensure_cdk, node
from tests.places import ROOT

GOOD = "from cronstack import job, rate\n\n@job(schedule=rate('5 minutes'))\ndef hello(run): ...\n"

NOTED = """from cronstack import at, cron, job

@job(schedule=cron('30 2 * * ? *', timezone='Europe/Berlin'))
def hello(run): ...

@job(schedule=at('2020-01-01T00:00:00', timezone='UTC'))
def past(run): ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with one job and the repository's ``infra`` scripts, without a .venv."""
    root = tmp_path / "shop"
    (root / "functions" / "jobs").mkdir(parents=True)
    (root / "functions" / "jobs" / "hello.py").write_text(GOOD)
    (root / "infra").mkdir()
    for name in ("infra/app.py", "infra/resources.py", "cdk.json"):
        shutil.copyfile(ROOT / name, root / name)
    return root


def app(project: Path, *, context: dict[str, str] | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the app as the CLI does, for the local cloud: without AWS's schemas it takes a third of the time."""
    values = {"cronstack:local": "true"} | (context or {})
    return subprocess.run(
        [sys.executable, "infra/app.py"],
        cwd=project,
        env=os.environ | {"CDK_OUTDIR": str(project / "out"), "CDK_CONTEXT_JSON": json.dumps(values)} | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_users_own_cli_works_in_the_folder_with_nothing_activated(project: Path) -> None:
    """With the unchanged app line, another Node, no venv on the PATH, and validation by AWS's schemas."""
    (project / ".venv" / "bin").mkdir(parents=True)
    script = ensure_cdk(ROOT, print).script
    python = project / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": os.environ["HOME"],  # the folder of jsii's unpacked packages
        "CDK_HOME": str(project / "cdk-home"),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }
    synth = subprocess.run(
        [str(node.node()), str(script), "synth", "--no-notices"],
        cwd=project,
        env=environ,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert synth.returncode == 0, synth.stderr
    assert "cronstack-hello" in synth.stdout
    assert (project / "cdk.out" / "cronstack.template.json").is_file()


def test_the_error_of_a_python_without_cronstack_has_a_remedy(project: Path) -> None:
    bare = subprocess.run(
        [sys.executable, "-S", "infra/app.py"], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert bare.returncode == 1
    assert "uv sync" in bare.stderr
    assert "cronstack cdk" in bare.stderr
    assert "Traceback" not in bare.stderr
    assert len(bare.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (GOOD.replace("5 minutes", "1 fortnight"), "functions/jobs/hello.py:3"),
        ("import no_such_module\n", "no_such_module"),
        ("import hypothesis\n" + GOOD, "Add this line to functions/requirements.txt: hypothesis=="),
        (GOOD + GOOD.replace("hello", "x" * 70), "hello.py:"),
    ],
)
def test_an_invalid_declaration_is_one_message_and_exit_code_2(project: Path, source: str, words: str) -> None:
    (project / "functions" / "jobs" / "hello.py").write_text(source)
    finished = app(project)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_finished_stack_that_aws_would_refuse_is_one_message_and_exit_code_2(project: Path) -> None:
    resources = 'def resources(stack, jobs):\n    jobs["hello"].function.add_environment("A", "b" * 4096)\n'
    (project / "infra" / "resources.py").write_text(resources)
    finished = app(project)
    assert finished.returncode == 2
    assert finished.stderr.startswith("functions/jobs/hello.py:3: the environment of the job 'hello' has about ")
    assert "Traceback" not in finished.stderr


def test_a_missing_package_is_reported(project: Path) -> None:
    finished = app(project, context={"jobs": "nightly"})
    assert finished.returncode == 2
    assert "nightly" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_past_at_and_effects_of_clock_changes_are_notes(project: Path) -> None:
    (project / "functions" / "jobs" / "hello.py").write_text(NOTED)
    finished = app(project)
    assert finished.returncode == 0, finished.stderr
    assert "note: functions/jobs/hello.py:3: hello: cron(30 2 * * ? *) (Europe/Berlin): " in finished.stderr
    assert "the clocks skip 02:30 on Sun " in finished.stderr
    [past] = [line for line in finished.stderr.splitlines() if line.startswith("note: ") and "past" in line]
    assert "2020-01-01" in past


def test_a_fault_of_the_users_resources_keeps_its_traceback(project: Path) -> None:
    (project / "infra" / "resources.py").write_text("def resources(stack, jobs):\n    jobs['hello'].functoin\n")
    finished = app(project)
    assert finished.returncode == 1
    assert "resources.py" in finished.stderr
    assert "AttributeError" in finished.stderr


@pytest.mark.parametrize("source", ["", "def resource(stack, jobs): ...\n"])
def test_the_error_of_resources_without_their_function_has_a_remedy(project: Path, source: str) -> None:
    (project / "infra" / "resources.py").write_text(source)
    finished = app(project)
    assert finished.returncode == 2
    assert finished.stderr.startswith("infra/resources.py has no function 'resources'\n")
    assert "def resources(stack, jobs):" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_ctrl_c_ends_the_app_without_output(project: Path) -> None:
    """The terminal interrupts the CLI, the app and the app's Node."""
    source = "import time\ndef resources(stack, jobs):\n    print('reached', flush=True)\n    time.sleep(60)\n"
    (project / "infra" / "resources.py").write_text(source)
    running = subprocess.Popen(
        [sys.executable, "infra/app.py"],
        cwd=project,
        env=os.environ | {"CDK_OUTDIR": str(project / "out"), "CDK_CONTEXT_JSON": '{"cronstack:local": "true"}'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "reached\n"
    os.killpg(running.pid, signal.SIGINT)
    _, stderr = running.communicate(timeout=60)
    assert stderr == ""
    assert running.returncode == -signal.SIGINT


def test_the_same_input_gives_the_same_template_and_asset(project: Path) -> None:
    assert app(project).returncode == 0
    first = (project / "out" / "cronstack.template.json").read_text()
    shutil.rmtree(project / "out")
    (project / "functions" / "jobs" / "hello.py").touch()
    assert app(project, PYTHONHASHSEED="7").returncode == 0
    assert (project / "out" / "cronstack.template.json").read_text() == first


def test_an_unknown_job_is_reported_without_a_traceback(project: Path) -> None:
    resources = 'def resources(stack, jobs):\n    jobs["helo"].function.add_environment("A", "b")\n'
    (project / "infra" / "resources.py").write_text(resources)
    finished = app(project)
    assert finished.returncode == 2
    assert finished.stderr.strip() == "resources.py:2: no job 'helo' exists\n  Existing jobs: hello."
