"""Words and phrases that the project does not use, each with what to write instead.

``python -m tests.house.plain_words [FOLDER]…`` prints each match. A phrase matches in prose and in names: ``told`` is
found in ``_told_of`` and in ``ToldOf``, and a phrase of two words over the end of a line.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.places import ROOT

_ACTOR = "name the actor: the caller, the user, Lambda, the engine"
_REPORT = "report, notify, return, print, log, raise"
_STATE = "state, contain, return, print, declare"
_FIX = "fix, patch, repair"
_EXISTS = "exists"
_GUARANTEE = "guarantee"
_REMOVE = "remove, delete"
_PASS = "pass"
_IS = "is, equals, is stored"
_LAYER = "layer"
_FOLDER = "folder, package"
_HUMAN = "code has no feelings: name the check, the state or the call"
_RESULT = "the result of"

BANNED = {
    "whoever": _ACTOR,
    "whom": _ACTOR,
    "nobody": _ACTOR,
    "no one": _ACTOR,
    "somebody": _ACTOR,
    "someone": _ACTOR,
    "anybody": _ACTOR,
    "everybody": _ACTOR,
    "of his": _ACTOR,
    "tell": _REPORT,
    "tells": _REPORT,
    "telling": _REPORT,
    "told": _REPORT,
    "untold": _REPORT,
    "say": _STATE,
    "says": _STATE,
    "said": _STATE,
    "saying": _STATE,
    "speak": "use, call, send to",
    "speaks": "use, call, send to",
    "spoken": "used, called",
    "is none": "is not a valid …",
    "are none": "are not valid …",
    "is there": _EXISTS,
    "are there": "exist",
    "is not there": "is missing",
    "are not there": "are missing",
    "nowhere": "missing, in no …",
    "mend": _FIX,
    "mends": _FIX,
    "mended": _FIX,
    "mending": _FIX,
    "stranger": "external, of another project",
    "strangers": "external, of other projects",
    "take away": _REMOVE,
    "takes away": _REMOVE,
    "taken away": _REMOVE,
    "took away": _REMOVE,
    "hand over": _PASS,
    "hands over": _PASS,
    "handed over": _PASS,
    "handed on": _PASS,
    "hands on": _PASS,
    "see to": "ensure",
    "sees to": "ensure",
    "seen to": "ensure",
    "saw to": "ensure",
    "look after": "manage, monitor",
    "looks after": "manage, monitor",
    "watch over": "monitor",
    "watches over": "monitor",
    "promise": _GUARANTEE,
    "promises": _GUARANTEE,
    "promised": _GUARANTEE,
    "beside": "next to, in addition to",
    "besides": "in addition, except",
    "anew": "again, new",
    "afresh": "again, new",
    "once more": "again",
    "met": "found, present, fulfilled",
    "wish": "request",
    "wishes": "requests",
    "wished": "requested",
    "wants": "needs, requests",
    "aside": "apart, separately",
    "put back": "restore",
    "puts back": "restores",
    "lie": _IS,
    "lies": _IS,
    "lay": _IS,
    "laid": _IS,
    "stand": _IS,
    "stands": _IS,
    "stood": _IS,
    "heard": "received, notified",
    "hears": "receives, is notified",
    "unheard": "ignored",
    "owes": "must still do",
    "owed": "outstanding, due",
    "pretence": "fake, substitute",
    "pretends": "simulates",
    "believe": _HUMAN,
    "believes": _HUMAN,
    "believed": _HUMAN,
    "thinks": _HUMAN,
    "forgets": "deletes, no longer stores",
    "forgot": "deleted, no longer stored",
    "forgotten": "deleted, expired, no longer stored",
    "remembers": "stores",
    "remember": "store",
    "remembered": "stored",
    "learns": "reads, receives",
    "learnt": "read, received",
    "dares": _HUMAN,
    "cares": _HUMAN,
    "came of": _RESULT,
    "comes of": _RESULT,
    "became of": _RESULT,
    "become of": _RESULT,
    "becomes of": _RESULT,
    "what becomes": _RESULT,
    "likewise": "also, the same way",
    "lest": "so that … not",
    "thus": "so",
    "of itself": "automatically",
    "in vain": "without success",
    "for nothing": "without need",
    "simply": "leave it out",
    "just": "leave it out, or: only, exactly",
    "rooms": _FOLDER,
    "storey": _LAYER,
    "storeys": _LAYER,
}
"""By phrase, in small letters: what to write instead."""

_AS_WRITTEN = {"is none", "are none"}
"""Phrases that are plain Python with a capital letter (``is None``)."""
_ALLOWED = {"promise": {".js", ".cjs", ".html"}, "promises": {".js", ".cjs", ".html"}}
"""By phrase, the kinds of files whose language has the word."""
_NAMES = re.compile(
    r"(?<=[\"'`#:.])(met|Forgotten)\b|\bmet(?=: (int|str)\b|=)|(?<=\bst\.)just(?=\()|(?<=new )Promise(?=\()"
)
"""Names that do not change: an attribute of ledger rows, an error of dead letters, and names of libraries."""
_TEXTS = {".py", ".md", ".toml", ".html", ".js", ".cjs", ".css", ".sh", ""}
_LEFT_OUT = ("tests/house/plain_words.py", "tests/house/test_plain_words.py", "tests/cronstack/golden/", "LICENSE")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BETWEEN = re.compile(r"[\s#>*]+|_")

_BY_FIRST: dict[str, list[list[str]]] = {}
for _phrase in BANNED:
    _BY_FIRST.setdefault(_phrase.split()[0], []).append(_phrase.split())


class Match(NamedTuple):
    place: str
    """``file:line``."""
    phrase: str

    def __str__(self) -> str:
        return f"{self.place}: {self.phrase!r}: {BANNED[self.phrase]}"


def files() -> list[Path]:
    """The project's own texts, without what a tool wrote."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = [name for name in listed.stdout.splitlines() if not name.startswith(_LEFT_OUT)]
    return [ROOT / name for name in names if Path(name).suffix in _TEXTS and (ROOT / name).is_file()]


def matches(text: str, name: str) -> Iterator[Match]:
    """The banned phrases in a text, in order."""
    words = list(_WORD.finditer(text))
    for index, word in enumerate(words):
        for phrase in _BY_FIRST.get(word.group().lower(), ()):
            spelled = " ".join(phrase)
            if Path(name).suffix in _ALLOWED.get(spelled, ()) or _NAMES.match(text, word.start()):
                continue
            if _continues(text, words, index, phrase, as_written=spelled in _AS_WRITTEN):
                yield Match(f"{name}:{text.count(chr(10), 0, word.start()) + 1}", spelled)


def _continues(text: str, words: list[re.Match[str]], index: int, phrase: list[str], *, as_written: bool) -> bool:
    found = words[index : index + len(phrase)]
    written = [word.group() if as_written else word.group().lower() for word in found]
    between = [text[one.end() : other.start()] for one, other in itertools.pairwise(found)]
    return written == phrase and all(_BETWEEN.fullmatch(gap) for gap in between)


def all_matches(below: list[str]) -> list[Match]:
    found = []
    for file in files():
        name = str(file.relative_to(ROOT))
        if not below or any(name.startswith(one) for one in below):
            found += matches(file.read_text(encoding="utf-8"), name)
    return found


if __name__ == "__main__":
    found = all_matches([one.rstrip("/") for one in sys.argv[1:]])
    for match in found:
        print(match)
    print(len(found))
