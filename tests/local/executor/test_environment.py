"""Variables that a function sets take effect as on Lambda, except reserved variables, which Lambda sets."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cronstack_infra.local.executor.environment import read_at_start
from tests.local.executor.bench import Bench, function, zipped

SHOW = """
import locale, os, sys, time
def handler(event, context):
    return {
        "environ": dict(os.environ), "path": sys.path, "hour": time.strftime("%H", time.localtime(0)),
        "encoding": sys.stdout.encoding, "optimize": sys.flags.optimize, "locale": locale.setlocale(locale.LC_CTYPE),
    }
"""


def shown(runs: Bench, **environment: str) -> dict[str, Any]:
    name = "shows-" + "-".join(environment).replace("_", "-").lower()
    result: dict[str, Any] = json.loads(runs.run(function(SHOW, name=name, environment=environment)).payload)
    return result


def test_the_function_sets_the_time_zone(runs: Bench) -> None:
    result = shown(runs, TZ="Asia/Tokyo")
    assert (result["environ"]["TZ"], result["hour"]) == ("Asia/Tokyo", "09")


def test_the_function_sets_the_locale(runs: Bench) -> None:
    result = shown(runs, LANG="C.UTF-8", LC_ALL="POSIX")
    assert (result["environ"]["LANG"], result["environ"]["LC_ALL"]) == ("C.UTF-8", "POSIX")


def test_variables_that_python_reads_when_it_starts_take_effect(runs: Bench) -> None:
    assert shown(runs, PYTHONOPTIMIZE="2")["optimize"] == 2


def test_programs_are_found_in_the_functions_path(runs: Bench) -> None:
    source = """
    import shutil, subprocess
    def handler(event, context):
        return [subprocess.run(["tool"], capture_output=True, text=True).stdout, shutil.which("sh")]
    """
    data = io.BytesIO(zipped(app=source))
    with zipfile.ZipFile(data, "a") as archive:
        item = zipfile.ZipInfo("tools/tool")
        item.external_attr = 0o755 << 16
        archive.writestr(item, "#!/bin/sh\necho mine")
    job = function("", name="path", code=data.getvalue(), code_sha256="path", environment={"PATH": "/var/task/tools"})
    assert json.loads(runs.run(job).payload) == ["mine\n", None]


def test_modules_are_found_in_the_functions_pythonpath(runs: Bench) -> None:
    source = "import extra, more, boto3, sys\ndef handler(e, c): return [extra.X, more.X, boto3.__name__]"
    code = zipped(app=source, vendor__extra="X = 1", src__lib__more="X = 2")
    paths = {"PYTHONPATH": "/var/task/vendor:src/lib"}
    job = function("", name="pythonpath", code=code, code_sha256="pythonpath", environment=paths)
    assert json.loads(runs.run(job).payload) == [1, 2, "boto3"]


def test_the_search_path_is_in_lambdas_order(runs: Bench) -> None:
    result = shown(runs, ANY="1")
    root, runtime = result["environ"]["LAMBDA_TASK_ROOT"], result["environ"]["LAMBDA_RUNTIME_DIR"]
    first, packages, layers, image, *standard = result["path"]
    assert (first, image) == (root, runtime)
    assert packages.startswith(f"{layers}/lib/python3.")
    assert packages.endswith("/site-packages")
    assert not {root, runtime, layers} & set(standard)


@pytest.mark.parametrize("place", ["lib", "native"])
def test_shared_libraries_are_found_in_ld_library_path(runs: Bench, tmp_path: Path, place: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, built = tmp_path / "answer.c", tmp_path / "libanswer.so"
    source.write_text("int answer(void) { return 42; }")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", built, source], check=True)
    data = io.BytesIO(zipped(app="import ctypes\ndef handler(e, c): return ctypes.CDLL('libanswer.so').answer()"))
    with zipfile.ZipFile(data, "a") as archive:
        archive.write(built, f"{place}/libanswer.so")
    own = {} if place == "lib" else {"LD_LIBRARY_PATH": "/var/task/native"}
    job = function("", name=f"loads-{place}", code=data.getvalue(), code_sha256=f"loads-{place}", environment=own)
    assert runs.run(job).payload == b"42"


@pytest.mark.parametrize("name", ["TZ", "PATH", "LANG", "LD_LIBRARY_PATH", "NODE_PATH", "AWS_XRAY_CONTEXT_MISSING"])
def test_the_function_sets_an_unreserved_variable(runs: Bench, name: str) -> None:
    assert shown(runs, **{name: "/mine"})["environ"][name] == "/mine"


def test_only_variables_read_at_start_need_a_new_process() -> None:
    harmless = dict.fromkeys(("TZ", "PATH", "LDAP_URL", "LCD", "AWS_MAX_ATTEMPTS", "PYTHON_HOME_PAGE", "TABLE"), "")
    assert read_at_start(harmless) == []
    read = ["LANG", "LC_ALL", "LD_PRELOAD", "MALLOC_ARENA_MAX", "OPENSSL_CONF", "PYTHONPATH"]
    assert read_at_start(dict.fromkeys(read, "")) == read
