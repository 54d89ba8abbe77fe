"""Imports that would fail in Lambda are reported by discovery, with the line to add."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.packages import JOB


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return ``install("PyYAML", "6.0", "yaml/__init__.py", needs=["other>=1"])``, which installs a package."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def write(name: str, version: str, *files: str, needs: list[str] | None = None) -> None:
        about = site / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir()
        required = "".join(f"Requires-Dist: {need}\n" for need in needs or [])
        (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{required}")
        (about / "RECORD").write_text("".join(f"{file},,\n" for file in files))
        for file in files:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text("")

    return write


@pytest.fixture
def jobs(package):
    """Return ``jobs(text, requirements)``: the error of discovery for a job with this text; "" for no error."""

    def error_of(text: str, requirements: str | None = None) -> str:
        package.write("bills.py", f"{text}\n\n" + JOB.format(name="bill"))
        if requirements is not None:
            (package.root / "requirements.txt").write_text(requirements)
        try:
            package.discover()
        except ValueError as fault:
            return str(fault).replace(package.name, "jobs")
        return ""

    return error_of


def test_a_package_without_a_requirement_is_reported_with_the_line_to_add(jobs, install):
    install("PyYaml-Fork", "6.0.2", "yaml_fork/__init__.py")
    assert jobs("import yaml_fork") == (
        "functions/jobs/bills.py:3: it imports yaml_fork, which is not deployed: functions/requirements.txt does not"
        " contain it\n  Add this line to functions/requirements.txt: PyYaml-Fork==6.0.2   (if a layer provides it:"
        " # layer: PyYaml-Fork)"
    )


@pytest.mark.parametrize(
    "requirements",
    [
        "pyyaml_fork",
        "PyYaml.Fork[extra]>=6,<7 ; python_version > '3'   # parses",
        "pyyaml-fork==6.0.2 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def\n",
        "--index-url https://example.com/simple\npyyaml-fork @ https://example.com/pyyaml_fork-6.0.2.tar.gz",
        "./vendor/pyyaml_fork-6.0.2-py3-none-any.whl",
        "whole",
        "# layer: PyYaml-Fork",
        "./vendor/unknown.tar.gz",
        "not-installed-here==1.0",
    ],
)
def test_a_package_with_a_requirement_may_be_imported(jobs, install, requirements):
    install("PyYaml-Fork", "6.0.2", "yaml_fork/__init__.py")
    install("whole", "1.0", "whole.py", needs=["middle ; python_version > '3'"])
    install("middle", "1.0", "middle.py", needs=["pyyaml-fork>=6", "whole"])
    assert jobs("import yaml_fork", requirements) == ""


def test_a_package_of_an_extra_needs_that_extra(jobs, install):
    install("sender", "1.0", "sender.py", needs=["socks-fork ; extra == 'proxy'"])
    install("socks-fork", "2.0", "socks_fork.py")
    assert "socks-fork==2.0" in jobs("import sender, socks_fork", "sender")
    assert jobs("import sender, socks_fork", "sender[proxy]") == ""


def test_packages_of_a_shared_namespace_are_distinguished(jobs, install):
    install("shop-auth", "1.0", "shopns/auth/__init__.py")
    install("shop-storage", "2.0", "shopns/cloud/storage/__init__.py")
    install("shop-queue", "3.0", "shopns/cloud/queue/__init__.py")
    message = jobs("from shopns.cloud import storage\nfrom shopns.auth import *", "shop-auth")
    assert "functions/jobs/bills.py:3: it imports shopns" in message
    assert "Add this line to functions/requirements.txt: shop-storage==2.0 " in message
    assert len(message.splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "import json, tomllib, xml.etree.ElementTree",
        "import boto3\nfrom botocore.config import Config\nfrom dateutil import tz",
        "import cronstack\nfrom cronstack.clock import now",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import extra_fork",
        "import typing\nif typing.TYPE_CHECKING:\n    import extra_fork",
        "try:\n    import extra_fork\nexcept ImportError:\n    extra_fork = None",
        "try:\n    import extra_fork\nexcept (KeyError, ModuleNotFoundError):\n    import json as extra_fork",
        "try:\n    import json\nexcept ImportError:\n    import extra_fork",
        "from contextlib import suppress\nwith suppress(ImportError):\n    import extra_fork",
        "import sys\nif sys.version_info < (3, 11):\n    import extra_fork",
        "if __name__ == '__main__':\n    import extra_fork",
        "import os\nif os.environ.get('LOCAL'):\n    import extra_fork",
    ],
)
def test_an_import_that_lambda_has_or_skips_needs_no_line(jobs, install, text):
    install("extra-fork", "1.0", "extra_fork.py")
    assert jobs(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "def late():\n    import extra_fork",
        "class Late:\n    def late(self):\n        if self:\n            from extra_fork.deep import name",
        "try:\n    import extra_fork\nexcept KeyError:\n    pass",
        "try:\n    import missing_fork\nexcept ImportError:\n    import extra_fork",
        "try:\n    import json\nexcept ImportError:\n    pass\nelse:\n    import extra_fork",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import extra_fork",
        "with open('/dev/null'):\n    import extra_fork",
    ],
)
def test_a_late_or_alternative_import_is_reported(jobs, install, text):
    install("extra-fork", "1.0", "extra_fork.py")
    message = jobs(text)
    assert "it imports extra_fork, which is not deployed" in message
    assert "Add this line to functions/requirements.txt: extra-fork==1.0 " in message
    assert len(message.splitlines()) == 2


def test_a_late_import_of_a_package_that_is_not_installed_here_is_reported(jobs):
    message = jobs("def late():\n    import surely_not_installed")
    assert "it imports surely_not_installed, which is not deployed" in message
    assert "Add the package that provides surely_not_installed to functions/requirements.txt, and install it" in message


def test_an_import_that_fails_here_is_reported_once(jobs):
    message = jobs("import surely_not_installed")
    assert "the module cannot be imported: ModuleNotFoundError" in message
    assert len(message.splitlines()) == 2


def test_another_file_in_pythons_path_is_reported_with_its_place(jobs, tmp_path: Path, monkeypatch):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "money_of_mine.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    message = jobs("import money_of_mine")
    assert f"it imports money_of_mine, which is in {tmp_path}/lib/money_of_mine.py, and is not deployed" in message
    assert "for example to functions/jobs/_money_of_mine" in message


def test_the_kit_around_the_jobs_is_not_deployed(jobs):
    message = jobs("from cronstack_infra.project import Project")
    assert "it imports cronstack_infra, which is not deployed" in message
    assert "Import only cronstack in jobs." in message
