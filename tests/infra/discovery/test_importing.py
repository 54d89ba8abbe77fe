"""Importing a module of jobs: its environment is that of Lambda, and an exception is one error."""

from __future__ import annotations

import os
import sys

import pytest

from cronstack_infra.discovery.importing import importable
from tests.infra.packages import HEAD, JOB, Package

IMPORTS = {
    "import datetime\ndatetime.nope\n": (2, "AttributeError: module 'datetime' has no attribute 'nope'"),
    "import surely_not_installed.at_all\n": (1, "ModuleNotFoundError: No module named 'surely_not_installed'"),
    "def f(:\n    pass\n": (1, "SyntaxError: invalid syntax"),
    "import sys\n\nsys.exit(3)\n": (3, "SystemExit: 3"),
    "import json\n\n\njson.loads('{')\n": (4, "JSONDecodeError: Expecting property name"),
    "from cronstack import job\n\n@job(retries=2 + None)\ndef f(run): ...\n": (3, "TypeError: unsupported operand"),
    "raise BaseException\n": (1, "BaseException"),
}


@pytest.mark.parametrize(("text", "expected"), IMPORTS.items(), ids=lambda value: str(value)[:30])
def test_a_module_that_does_not_import(package: Package, text: str, expected: tuple[int, str]) -> None:
    line, words = expected
    package.write("broken.py", text, head="")
    message = package.refused()
    assert message.startswith(f"functions/jobs/broken.py:{line}: the module cannot be imported: {words}")
    assert "Traceback" not in message
    assert len(message.splitlines()) == 2


@pytest.fixture
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove any AWS configuration of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


def test_a_client_made_at_import_needs_no_aws_configuration(package: Package, unconfigured: None) -> None:
    package.write(
        "stats.py",
        "import os\nimport boto3\nimport botocore.session\n\n"
        'table = boto3.resource("dynamodb").Table("shop")\n'
        'region = os.environ["AWS_REGION"]\n'
        "key = boto3.Session().get_credentials().access_key\n"
        "configured = botocore.session.Session().get_config_variable('region')\n"
        "assert region == table.meta.client.meta.region_name == configured\n"
        'assert "AWS_LAMBDA_FUNCTION_NAME" not in os.environ\n' + JOB.format(name="stats"),
    )
    before = dict(os.environ)
    assert [declared.name for declared in package.discover().jobs] == ["stats"]
    assert dict(os.environ) == before


def test_the_root_is_in_the_path_only_during_an_import(package: Package) -> None:
    text = f"import sys\n\nassert sys.path[0] == {str(package.root)!r}\n\n"
    package.write("stats.py", text + HEAD + JOB.format(name="stats"), head="")
    before = list(sys.path)
    assert [declared.name for declared in package.discover().jobs] == ["stats"]
    assert sys.path == before
    with importable(package.root), importable(package.root):
        assert sys.path == [str(package.root), *before]
    assert sys.path == before


def test_the_error_for_a_variable_read_at_import_has_its_name(package: Package) -> None:
    package.write("stats.py", 'import os\n\nBUCKET = os.environ["REPORTS_BUCKET"]\n', head="")
    message = package.refused()
    assert message.startswith("functions/jobs/stats.py:3: the module reads the environment variable REPORTS_BUCKET")
    assert message.endswith("Read it inside the handler: env= and add_environment set it in Lambda only.")


def test_a_missing_profile_is_one_error_with_its_line(
    package: Package, unconfigured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "missing")
    package.write("stats.py", 'import boto3\n\nqueue = boto3.Session().client("sqs")\n', head="")
    message = package.refused()
    assert message.startswith("functions/jobs/stats.py:3: the module cannot be imported: ProfileNotFound: ")
    assert "missing" in message
    assert "Call AWS inside the handler." in message


def test_an_error_in_a_shared_module_is_reported_once_with_its_place(package: Package) -> None:
    package.write("_shared.py", "1 / 0\n", head="")
    package.write("one.py", f"import {package.name}._shared\n")
    package.write("two.py", f"import {package.name}._shared\n")
    assert package.refused().startswith("functions/jobs/_shared.py:1: the module cannot be imported: ZeroDivisionError")
