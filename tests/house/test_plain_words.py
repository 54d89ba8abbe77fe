"""The list of banned words finds what it should: in prose, in names and over the end of a line."""

from __future__ import annotations

import pytest

from tests.house.plain_words import BANNED, all_matches, matches


def test_the_project_uses_no_banned_word() -> None:
    found = all_matches([])
    assert not found, "\n".join(map(str, found[:50]))


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("It was told.", "told"),
        ("def _told_of(): ...", "told"),
        ("class ToldOf: ...", "told"),
        ("TOLD = 1", "told"),
        ("which is\n    # there", "is there"),
        ("hand_over()", "hand over"),
        ("the write is none", "is none"),
    ],
)
def test_a_banned_phrase_is_found(text: str, phrase: str) -> None:
    assert [match.phrase for match in matches(text, "any.py")] == [phrase]


@pytest.mark.parametrize("text", ["x is None", "stolen", "statement", "the understanding", "there is one"])
def test_plain_python_and_longer_words_are_left_alone(text: str) -> None:
    assert not list(matches(text, "any.py"))


def test_each_line_of_a_match_has_its_place_and_remedy() -> None:
    (match,) = matches("one\ntwo\nit was told", "a.py")
    assert str(match) == f"a.py:3: 'told': {BANNED['told']}"


def test_javascript_has_its_promise() -> None:
    assert not list(matches("new Promise(done)", "page.js"))
    assert list(matches("a promise", "page.py"))
