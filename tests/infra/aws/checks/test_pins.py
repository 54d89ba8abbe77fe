"""Requirements without exact versions are noted, each with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cronstack.errors import DeclarationError
from cronstack_infra.aws.checks import pins, sizes

Noted = Callable[..., list[str]]


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    """Return ``noted(text, "requests-2.32.3", …)``: the notes of a file with these installed packages."""

    def notes(text: str, *installed: str) -> list[str]:
        requirements = tmp_path / "requirements.txt"
        requirements.write_text(text)
        for package in installed:
            (tmp_path / "installed" / f"{package}.dist-info").mkdir(parents=True)
        return [note.removeprefix(f"{requirements}") for note in pins.notes(requirements, tmp_path / "installed")]

    return notes


@pytest.mark.parametrize(
    "line",
    [
        "requests==2.32.3",
        "requests[socks] == 2.32.3 ; python_version > '3.10'  # for the shop",
        "requests===2.32.3",
        "requests==2.32.3 --hash=sha256:abc",
        "requests==2.32.3 \\\n    --hash=sha256:abc \\\n    --hash=sha256:def",
        "requests @ https://example.com/requests-2.32.3-py3-none-any.whl#sha256=abc",
        "--index-url https://example.com/simple\nrequests==2.32.3",
        "# requests\n\nrequests==2.32.3",
    ],
)
def test_an_exact_version_has_no_note(noted: Noted, line: str) -> None:
    assert noted(f"{line}\n", "requests-2.32.3") == []


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ("requests", "requests==2.32.3"),
        ("Requests>=2", "Requests==2.32.3"),
        ("requests==2.*", "requests==2.32.3"),
        ("requests[socks,use]~=2.32", "requests[socks,use]==2.32.3"),
        ("requests @ https://example.com/requests-2.32.3-py3-none-any.whl", "requests==2.32.3"),
        ("requests @ git+https://example.com/requests", "requests==2.32.3"),
    ],
)
def test_the_note_for_a_line_without_an_exact_version_has_the_version_to_pin(
    noted: Noted, line: str, pinned: str
) -> None:
    [note] = noted(f"# ours\n{line}\n", "requests-2.32.3")
    assert note.startswith(f":2: {line!r} is not an exact version: ")
    assert note.endswith(f" Pin it: {pinned}")


def test_the_line_number_after_continued_lines_is_right(noted: Noted) -> None:
    [note] = noted("a==1 \\\n    --hash=sha256:abc\nb\n", "a-1", "b-2")
    assert note.startswith(":3: 'b' ")


def test_packages_that_only_others_need_are_named(noted: Noted) -> None:
    [note] = noted("requests==2.32.3\n", "requests-2.32.3", "urllib3-2.2.1", "charset_normalizer-3.3.2")
    assert note.startswith(": no line names charset-normalizer==3.3.2, urllib3==2.2.1, which other packages need")
    assert "uv pip compile --generate-hashes" in note


def test_code_that_is_too_large_for_lambda_is_refused_with_its_largest_parts() -> None:
    parts = {"jobs": 1 << 20, "cronstack": 1 << 17, "small": 1, "pandas": 60 << 20, "numpy": 90 << 20, "a": 1, "b": 2}
    sizes.check(parts | {"more": sizes.MOST_UNZIPPED - sum(parts.values()) - 1}, package="jobs", where="x")
    with pytest.raises(DeclarationError) as caught:
        sizes.check(parts | {"scipy": 100 << 20}, package="jobs", where="functions/requirements.txt")
    assert str(caught.value).startswith(
        "functions/requirements.txt: the code of the package 'jobs' has 251.1 MB unzipped; Lambda allows less than "
        "250.0 MB; the largest: scipy 100.0 MB, numpy 90.0 MB, pandas 60.0 MB, jobs 1.0 MB, cronstack 0.1 MB"
    )
