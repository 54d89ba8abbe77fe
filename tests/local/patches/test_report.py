"""The report on another version of moto: its findings in a damaged copy, and the installation of that version."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import moto
import pytest

from cronstack.errors import CronstackError
from cronstack_infra.local.moto.patch import ABSENT, Patch, replaced_by
from cronstack_infra.local.patches import another_moto
from cronstack_infra.local.patches.report import BREAKS, FITS, NOT_NEEDED, PatchReport, compare, report

SQS = "moto.sqs.models"
DAMAGE = (
    ("mark_received", "mark_as_received"),
    ("        validate_group_id: bool = True,\n", "        validate_group_id: bool = True,\n        more: int = 0,\n"),
    ("        now = unix_time()\n        self.created", "        now = int(unix_time())\n        self.created"),
)
"""Changes of sqs/models.py: a renamed method, one more parameter, and a corrected defect."""


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the installed moto and a changed sqs/models.py."""
    folder = tmp_path_factory.mktemp("moto")
    installed = Path(moto.__file__).parent
    linked(installed, folder / "moto", except_for="sqs")
    linked(installed / "sqs", folder / "moto" / "sqs", except_for="models.py")
    about = Path(str(distribution("moto").locate_file(""))) / f"moto-{moto.__version__}.dist-info"
    shutil.copytree(about, folder / "moto-9.9.9.dist-info")
    metadata = folder / "moto-9.9.9.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace(f"Version: {moto.__version__}", "Version: 9.9.9", 1))
    text = (installed / "sqs" / "models.py").read_text()
    for old, new in DAMAGE:
        assert old in text
        text = text.replace(old, new)
    (folder / "moto" / "sqs" / "models.py").write_text(text)
    return folder


def linked(source: Path, target: Path, *, except_for: str) -> None:
    """Create a folder of links to the entries of another one, except one entry."""
    target.mkdir()
    for entry in source.iterdir():
        if entry.name not in (except_for, "__pycache__"):
            (target / entry.name).symlink_to(entry)


@pytest.fixture(scope="module")
def damaged_report(damaged: Path) -> PatchReport:
    return report(damaged)


def test_a_damaged_moto_is_reported(damaged_report: PatchReport) -> None:
    states = {row.patch.member: (row.state, row.notes) for row in damaged_report.rows if row.state != FITS}
    sent = "(self, queue_name, message_body, message_attributes=None, delay_seconds=None, deduplication_id=None, "
    sent += "group_id=None, system_attributes=None, validate_group_id=True"
    assert states == {
        f"{SQS}:Message.mark_received": (BREAKS, (f"moto has no {SQS}:Message.mark_received",)),
        f"{SQS}:SQSBackend.send_message": (BREAKS, (f"signature: {sent}, more=0), expected {sent})",)),
        f"{SQS}:Queue.attributes": (NOT_NEEDED, ("no longer so: times_of_a_queue_have_a_fraction",)),
    }
    assert not damaged_report.fits


def test_a_report_is_text_and_json(damaged_report: PatchReport) -> None:
    *rows, summary = damaged_report.lines()
    count = len(damaged_report.rows)
    assert summary == f"moto 9.9.9: {count} patches, {count - 3} fit, 1 not needed, 2 breaks"
    at = rows.index(f"breaks: {SQS}:Message.mark_received")
    assert rows[at : at + 4] == [
        f"breaks: {SQS}:Message.mark_received",
        "  reason  A message does not record when it was last received.",
        "  probe   a_receipt_of_an_old_message_is_refused",
        f"  note    moto has no {SQS}:Message.mark_received",
    ]
    as_json = damaged_report.as_json()
    assert as_json["moto"] == "9.9.9"
    assert {row["state"] for row in as_json["patches"]} == {FITS, NOT_NEEDED, BREAKS}
    assert len(as_json["patches"]) == count


ROW = Patch("moto.a:B", "c", "(self)", "It is wrong.", ("one", "two"), replaced_by(None))


def answer(**changed: Any) -> Mapping[str, Any]:
    fitting = {"signatures": {"moto.a:B.c": "(self)"}, "probes": {"one": "present", "two": "present"}, "modules": {}}
    return fitting | changed


@pytest.mark.parametrize(
    ("changed", "state", "notes"),
    [
        ({}, FITS, ()),
        ({"probes": {"one": "present", "two": "gone"}}, FITS, ("no longer so: two",)),
        ({"probes": {"one": "gone", "two": "gone"}}, NOT_NEEDED, ("no longer so: one", "no longer so: two")),
        ({"probes": {"one": "gone", "two": "KeyError: x"}}, BREAKS, ("two: KeyError: x",)),
        ({"signatures": {"moto.a:B.c": "(self, d)"}}, BREAKS, ("signature: (self, d), expected (self)",)),
        ({"signatures": {"moto.a:B.c": ABSENT}}, BREAKS, ("moto has no moto.a:B.c",)),
        ({"modules": {"ours": "ImportError: x"}}, BREAKS, ("ours: ImportError: x",)),
    ],
)
def test_the_state_of_a_patch(changed: Mapping[str, Any], state: str, notes: tuple[str, ...]) -> None:
    row = compare(ROW, answer(**changed), "ours")
    assert (row.state, row.notes) == (state, notes)


def test_a_moto_that_cannot_be_imported_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "moto").mkdir()
    (tmp_path / "moto" / "__init__.py").write_text("raise SystemExit('no moto')")
    with pytest.raises(CronstackError, match=r"this version of moto cannot be examined:\n.*no moto"):
        report(tmp_path)


def has_no_installer() -> bool:
    try:
        another_moto.install_command()
    except CronstackError:
        return True
    return False


needs_installer = pytest.mark.skipif(has_no_installer(), reason="neither uv nor pip is on the path")


# -- installing --------------------------------------------------------------------------------------------------------
def wheel(folder: Path, version: str, *requires: str) -> None:
    """Create a wheel of an empty moto."""
    about = f"moto-{version}.dist-info"
    requirements = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    with zipfile.ZipFile(folder / f"moto-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("moto/__init__.py", f"__version__ = {version!r}\n")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: moto\nVersion: {version}\n{requirements}")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of wheels, which uv and pip use instead of the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"UV_{name}", value)
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


@needs_installer
def test_a_version_is_installed_into_the_folder_only(index: Path, tmp_path: Path) -> None:
    wheel(index, "5.9.1", "boto3>=1", "not-installed; extra == 'unknown'")
    another_moto.install("5.9.1", tmp_path / "here")
    assert (tmp_path / "here" / "moto" / "__init__.py").read_text() == "__version__ = '5.9.1'\n"
    assert not (tmp_path / "here" / "boto3").exists()


@needs_installer
def test_a_missing_version_is_a_clear_error(index: Path, tmp_path: Path) -> None:
    wheel(index, "5.9.1")
    with pytest.raises(CronstackError) as refused:
        another_moto.install("5.9.2", tmp_path / "here")
    assert str(refused.value).splitlines()[0] == "moto 5.9.2 does not exist"


def test_only_unmet_requirements_are_installed(index: Path, tmp_path: Path) -> None:
    others = ("no-such-package>=2", "sqs-only; extra == 's3'", "x; extra == 'none'")
    wheel(index, "5.9.1", "boto3>=1", "boto3>=99", *others)
    installed: list[list[str]] = []

    def installer(requirements: list[str], folder: Path) -> None:
        if not installed:
            with zipfile.ZipFile(index / "moto-5.9.1-py3-none-any.whl") as archive:
                archive.extractall(folder)
        installed.append(requirements)

    another_moto.install("5.9.1", tmp_path, installer)
    assert installed == [["--no-deps", "moto==5.9.1"], ["boto3>=99", "no-such-package>=2", "sqs-only"]]
    assert os.listdir(tmp_path / "moto") == ["__init__.py"]
