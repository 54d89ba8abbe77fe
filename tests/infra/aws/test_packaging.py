"""The code for Lambda: jobs, runtime and third-party packages; the same bytes from the same input."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from cronstack.errors import CronstackError, DeclarationError
from cronstack_infra.aws.checks import sizes
from cronstack_infra.aws.packaging import BuildTarget, stage
from tests.places import ROOT

AWS = BuildTarget("3.13", "x86_64")


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    jobs = tmp_path / "shop" / "functions" / "jobs"
    jobs.mkdir(parents=True)
    (jobs / "hello.py").write_text("print('hello')\n")
    (jobs / "sub").mkdir()
    (jobs / "sub" / "table.csv").write_text("1,2\n")
    return jobs.parent


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create the only package index, with two wheels: a pure one with a script, and one compiled for arm64."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, "greeting", "1.0", "py3-none-any", {"greeting/__init__.py": "def greet(): ...\n"}, script="greet")
    wheel(folder, "compiled", "1.0", "cp313-cp313-manylinux_2_28_aarch64", {"compiled.py": "x = 1\n"})
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{ROOT / '.tools' / 'bin'}")
    return folder


def wheel(folder: Path, name: str, version: str, tags: str, files: dict[str, str], *, script: str = "") -> None:
    about = f"{name}-{version}.dist-info"
    metadata = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tags}\n",
    }
    if script:
        metadata[f"{about}/entry_points.txt"] = f"[console_scripts]\n{script} = {name}:greet\n"
    written = files | metadata
    record = "".join(f"{path},,\n" for path in (*written, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-{version}-{tags}.whl", "w") as archive:
        for path, text in (written | {f"{about}/RECORD": record}).items():
            archive.writestr(path, text)


def staged(functions: Path, *, target: BuildTarget = AWS, lines: list[str] | None = None) -> Path:
    root = functions.parent
    output = [] if lines is None else lines
    return stage(functions, "jobs", root / "staged", target=target, state=root / ".cronstack", progress=output.append)


def content(folder: Path) -> dict[str, str]:
    """Return the hash and permissions of each file by relative path."""
    return {
        path.relative_to(folder).as_posix(): f"{sha256(path.read_bytes()).hexdigest()} {path.stat().st_mode:o}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_jobs_and_runtime_are_staged_in_one_folder(functions: Path) -> None:
    files = content(staged(functions))
    assert {"jobs/hello.py", "jobs/sub/table.csv", "cronstack/__init__.py", "cronstack/declaration.py"} <= set(files)
    assert {path.split("/")[0] for path in files} == {"jobs", "cronstack"}


def test_the_runtimes_pages_are_left_out_and_a_projects_pages_are_staged(functions: Path) -> None:
    (functions / "jobs" / "prompt.md").write_text("# Hello\n")
    assert [path for path in content(staged(functions)) if path.endswith(".md")] == ["jobs/prompt.md"]


def test_the_staged_code_imports_by_itself(functions: Path) -> None:
    (functions / "jobs" / "hello.py").write_text(
        "from cronstack import job, rate\n\n@job(schedule=rate('1 minute'))\ndef hello(run): ...\n"
    )
    folder = staged(functions)
    code = "import cronstack; from jobs.hello import hello; print(hello.name, cronstack.__file__)"
    output = subprocess.check_output(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"], text=True, timeout=60
    )
    assert output.split() == ["hello", str(folder / "cronstack" / "__init__.py")]


def test_caches_editor_files_and_the_umask_change_nothing(functions: Path) -> None:
    before = content(staged(functions))
    cache = functions / "jobs" / "__pycache__"
    cache.mkdir()
    (cache / "hello.cpython-313.pyc").write_bytes(b"\0")
    (functions / "jobs" / "old.pyc").write_bytes(b"\0")
    (functions / "jobs" / ".hello.py.swp").write_text("x")
    (functions / "jobs" / ".ruff_cache").mkdir()
    (functions / "jobs" / ".ruff_cache" / "x").write_text("x")
    (functions / "jobs" / "empty").mkdir()
    (functions / "jobs" / "hello.py").chmod(0o600)
    assert content(staged(functions)) == before
    assert not (functions.parent / "staged" / "jobs" / "empty").exists()


def test_old_staged_files_are_deleted(functions: Path) -> None:
    staged(functions)
    (functions / "jobs" / "hello.py").rename(functions / "jobs" / "bye.py")
    assert "jobs/hello.py" not in content(staged(functions))


def test_requirements_are_installed_without_traces_of_this_machine(functions: Path, index: Path) -> None:
    (functions / "requirements.txt").write_text("greeting==1.0\n")
    lines: list[str] = []
    files = content(staged(functions, lines=lines))
    assert "greeting/__init__.py" in files
    assert not [path for path in files if path.startswith("bin/") or path.endswith((".pyc", "INSTALLER"))]
    record = (functions.parent / "staged" / "greeting-1.0.dist-info" / "RECORD").read_text()
    assert "greeting/__init__.py" in record
    assert "bin/" not in record
    assert str(functions.parent) not in record
    assert lines == ["installing requirements.txt for Python 3.13 on x86_64"]


def test_requirements_are_fetched_once_for_each_text_and_target(functions: Path, index: Path) -> None:
    (functions / "requirements.txt").write_text("greeting==1.0\n")
    first = content(staged(functions))
    lines: list[str] = []
    assert content(staged(functions, lines=lines)) == first
    assert lines == []
    staged(functions, target=BuildTarget("3.13", "arm64"), lines=lines)
    assert len(lines) == 1


def test_wheels_are_chosen_for_lambda_not_for_this_machine(functions: Path, index: Path) -> None:
    (functions / "requirements.txt").write_text("compiled==1.0\n")
    assert "compiled.py" in content(staged(functions, target=BuildTarget("3.13", "arm64")))
    with pytest.raises(CronstackError, match="could not install it for Lambda") as caught:
        staged(functions, target=AWS)
    assert "needs a wheel for Python 3.13 on x86_64" in caught.value.remedy
    assert not list((functions.parent / ".cronstack" / "third-party").glob("*.part"))


def test_packages_for_the_local_cloud_are_those_of_this_machine(functions: Path, index: Path) -> None:
    (functions / "requirements.txt").write_text("greeting==1.0\n")
    files = content(staged(functions, target=BuildTarget("3.13", "arm64", here=True)))
    assert "greeting/__init__.py" in files


def test_a_requirement_that_would_replace_the_runtime_is_refused(functions: Path, index: Path) -> None:
    wheel(index, "impostor", "1.0", "py3-none-any", {"cronstack/__init__.py": ""})
    (functions / "requirements.txt").write_text("impostor==1.0\n")
    with pytest.raises(DeclarationError, match="'cronstack', which would replace"):
        staged(functions)


def test_a_requirement_that_may_install_other_code_later_is_noted(functions: Path, index: Path) -> None:
    """At each synthesis, also if the packages are in the cache: two machines may have different packages."""
    (functions / "requirements.txt").write_text("greeting\n")
    staged(functions)
    lines: list[str] = []
    staged(functions, lines=lines)
    [note] = lines
    assert note.startswith(f"note: {functions}/requirements.txt:1: 'greeting' is not an exact version: ")
    assert note.endswith("Pin it: greeting==1.0")


def test_code_that_lambda_would_refuse_is_not_copied(functions: Path, index: Path) -> None:
    (functions / "requirements.txt").write_text("greeting==1.0\n")
    with (functions / "jobs" / "model.bin").open("wb") as model:
        model.truncate(sizes.MOST_UNZIPPED)
    with pytest.raises(DeclarationError, match=r"250\.\d MB unzipped; .*; the largest: jobs 250\.0 MB, cronstack"):
        staged(functions)
    assert not (functions.parent / "staged").exists()


@pytest.mark.parametrize("line", ["-r other.txt", "--constraint c.txt", "-e ."])
def test_other_files_are_not_read(functions: Path, line: str) -> None:
    (functions / "requirements.txt").write_text(f"# pinned\n{line}\n")
    with pytest.raises(DeclarationError, match=r"requirements\.txt:2: "):
        staged(functions)


def test_the_remedy_for_a_missing_uv_works_where_python_has_no_pip(
    functions: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment of uv has no pip, and an editor may start Python without the PATH of a shell."""
    wheel(index, "uv", "99.0", "py3-none-any", {"uv.py": "def greet():\n    print('installed')\n"}, script="uv")
    (functions / "requirements.txt").write_text("greeting==1.0\n")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(functions.parent / "home"))
    monkeypatch.delenv("UV", raising=False)
    with pytest.raises(CronstackError, match="uv, which installs it") as caught:
        staged(functions)
    command = caught.value.remedy.partition(": ")[2]
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_QUIET": "1"}
    subprocess.run(["sh", "-c", command], cwd="/", env=os.environ | offline, check=True, timeout=120)
    lines: list[str] = []
    assert (staged(functions, lines=lines) / "jobs" / "hello.py").is_file()  # this test's uv installs nothing
    assert lines == ["installing requirements.txt for Python 3.13 on x86_64"]


def test_uv_is_found_in_the_folder_of_its_installer(
    functions: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = shutil.which("uv") or os.environ["UV"]
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("UV", raising=False)
    home = functions.parent / "home"
    (home / ".local" / "bin").mkdir(parents=True)
    (home / ".local" / "bin" / "uv").symlink_to(uv)
    monkeypatch.setenv("HOME", str(home))
    (functions / "requirements.txt").write_text("greeting==1.0\n")
    assert (staged(functions) / "greeting" / "__init__.py").is_file()
