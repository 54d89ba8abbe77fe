"""The reference is complete, and as the code is now."""

from __future__ import annotations

import inspect
import re

import pytest

import cronstack
from cronstack import Run, errors, job
from cronstack_infra.testing.cloud import Cloud
from tests.reference import docstrings
from tests.reference.command_line import commands, exit_codes
from tests.reference.docstrings import default_of, read
from tests.reference.page import REFERENCE, page

PAGE = page()


def test_the_page_is_up_to_date() -> None:
    assert REFERENCE.read_text("utf-8") == PAGE, "run: python -m tests.reference"


@pytest.mark.parametrize("name", cronstack.__all__)
def test_each_public_name_has_its_place(name: str) -> None:
    assert re.search(rf"`{name}\b", PAGE)


@pytest.mark.parametrize("name", inspect.signature(job).parameters)
def test_each_parameter_of_a_job_has_its_default_and_its_meaning(name: str) -> None:
    found = re.search(rf"^\| `{name}` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    assert found, f"describe {name} in the docstring of job()"


@pytest.mark.parametrize("name", [name for name in dir(Run) if not name.startswith("_")])
def test_each_attribute_of_a_run_has_its_place(name: str) -> None:
    if name not in ("count", "index", "guard", "seconds_left"):
        assert f"`run.{name}`" in PAGE


@pytest.mark.parametrize("name", [name for name in dir(Cloud) if not name.startswith("_")])
def test_each_attribute_of_the_fixture_has_its_place(name: str) -> None:
    assert f"`cloud.{name}`" in PAGE


@pytest.mark.parametrize("name", commands())
def test_each_command_has_its_options_with_defaults(name: str) -> None:
    section = re.search(rf"^#+ `{re.escape(name)}`\n(.*?)(?=^#+ `|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    for parameter in commands()[name].params:
        option = parameter.opts[0]
        if option.startswith("-") and option not in ("--local", "--port", "--jobs", "--stack"):
            assert re.search(rf"^\| `{option}\b[^|]*(?:\\\|[^|]*)*` \| .+ \|", section[1], re.MULTILINE), option


def test_each_error_has_its_place() -> None:
    for cls in vars(errors).values():
        if isinstance(cls, type) and issubclass(cls, errors.CronstackError):
            assert f"| `{cls.__name__}` |" in PAGE


def test_exit_codes_are_read_from_the_module_of_errors() -> None:
    assert [int(code) for code, _ in exit_codes()] == [1, 2, 130]


def test_a_docstring_is_taken_apart() -> None:
    text = read(
        """Plan it, ``once``.

        A second paragraph.

        key: text of
            two lines. Defaults to "none".
        at: a time.
        What follows is prose.
        other: not a parameter.
        """,
        ["key", "at"],
    )
    assert text.parameters == {"key": 'Text of two lines. Defaults to "none".', "at": "A time."}
    assert text.prose == ("Plan it, `once`.\n\nA second paragraph.\n\nWhat follows is prose. other: not a parameter.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seconds. Defaults to 60.", ("Seconds.", "`60`")),
        ("Where it begins. Defaults to now.", ("Where it begins.", "now")),
        ("Seconds.", ("Seconds.", "")),
    ],
)
def test_a_default_is_taken_from_the_text(text: str, expected: tuple[str, str]) -> None:
    assert default_of(text) == expected


def test_attributes_have_the_text_below_them() -> None:
    (first, *_) = docstrings.attributes(Run)
    assert (first.name, first.type) == ("job", "str")
    assert first.text
