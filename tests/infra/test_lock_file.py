"""The lock file: its content, when it is written, and the errors for an invalid file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cronstack.errors import DeclarationError
from cronstack_infra.lock_file import LOCK, Lock, parse_lock, read_lock, update

APP = "0123456789abcdef"
JOBS = {"stats": False, "remind": True}


def synth(folder: Path, jobs: dict[str, bool], package: str = "jobs", **where: bool) -> Lock | None:
    return update(folder, package, jobs, **{"ci": False, **where})


def test_the_file_reads_back_and_has_one_line_for_each_job(tmp_path: Path) -> None:
    lock = synth(tmp_path, JOBS)
    assert lock is not None
    synth(tmp_path, {"hello": False}, package="examples")
    assert (tmp_path / LOCK).read_text().splitlines() == [
        "{",
        '  "version": 1,',
        f'  "app": "{lock.app}",',
        '  "packages": {',
        '    "examples": {',
        '      "hello": {"once": false}',
        "    },",
        '    "jobs": {',
        '      "remind": {"once": true},',
        '      "stats": {"once": false}',
        "    }",
        "  }",
        "}",
    ]
    assert read_lock(tmp_path) == lock.added("examples", {"hello": False})


def test_a_removed_job_and_a_removed_once_stay(tmp_path: Path) -> None:
    synth(tmp_path, JOBS)
    lock = synth(tmp_path, {"stats": False, "remind_v2": True})
    assert lock is not None
    assert lock.removed("jobs", {"stats", "remind_v2"}) == {"remind": True}
    now = {"stats": False, "remind_v2": False}
    assert lock.dropped("jobs", now) == ("remind_v2",)
    assert lock.added("jobs", now) is lock
    assert lock.without("jobs", "remind").removed("jobs", now) == {}
    assert lock.without_once("jobs", "remind_v2").dropped("jobs", now) == ()


def test_a_local_cloud_reads_the_file_and_never_writes_it(tmp_path: Path) -> None:
    assert synth(tmp_path, JOBS, local=True) is None
    synth(tmp_path, JOBS)
    before = (tmp_path / LOCK).read_bytes()
    lock = synth(tmp_path, {"new": False}, local=True)
    assert lock is not None
    assert set(lock.jobs("jobs")) == {"stats", "remind", "new"}
    assert (tmp_path / LOCK).read_bytes() == before


def test_on_a_build_server_an_outdated_file_is_an_error(tmp_path: Path) -> None:
    assert synth(tmp_path, JOBS, ci=True) is None
    assert not (tmp_path / LOCK).exists()
    synth(tmp_path, JOBS)
    synth(tmp_path, {"stats": False}, ci=True)
    with pytest.raises(DeclarationError, match=r"outdated: new, stats of the package 'jobs'\n.*cronstack list\. Then"):
        synth(tmp_path, {"stats": True, "new": False}, ci=True)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("{\n  oops", 2, "it is not JSON"),
        ("[]", 1, "not a JSON object"),
        ('{\n"version": 2}', 2, "reads version 1"),
        ('{"version": 1,\n"app": "x"}', 2, "16 hexadecimal digits"),
        (f'{{"version": 1, "app": "{APP}",\n\n"packages": []}}', 3, "not a JSON object"),
        (f'{{"version": 1, "app": "{APP}",\n"packages": {{\n"jobs": 1}}}}', 3, "'jobs' is not a JSON object"),
        (
            f'{{"version": 1, "app": "{APP}", "packages": {{\n"jobs": {{\n"stats": true}}}}}}',
            3,
            "for 'stats', not true",
        ),
        ('{\n<<<<<<< HEAD\n"version": 1}', 2, "git could not merge"),
    ],
)
def test_the_error_for_an_invalid_file_has_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        parse_lock(text, Path("shop/cronstack.lock"))
    assert str(raised.value).startswith(f"shop/cronstack.lock:{line}: ")
    assert message in str(raised.value)
