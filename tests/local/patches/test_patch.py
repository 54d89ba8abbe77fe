"""The mechanism that patches moto: it refuses a patch that does not fit, and restores all changes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from cronstack.errors import CronstackError
from cronstack_infra.local.moto.patch import (
    ABSENT,
    Patch,
    apply,
    repatch,
    replaced_by,
    resolve,
    signature_of,
    unpatch,
    wrapped_by,
)
from cronstack_infra.local.moto.surroundings import PatchParameters

AROUND = PatchParameters(endpoint="http://here")


class Base:
    def inherited(self) -> str:
        return "moto"


class Queue(Base):
    limit = 10

    def send(self, body: str, *, delay: int = 0) -> str:
        return f"moto {body} {delay}"

    @property
    def url(self) -> str:
        return "amazonaws.com"

    @staticmethod
    def parse(text: str) -> str:
        return f"moto {text}"


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    """Install a module like one of moto's, with the class above."""
    like_moto: Any = ModuleType("like_moto")
    like_moto.Queue = Queue
    sys.modules["like_moto"] = like_moto
    yield
    unpatch()
    del sys.modules["like_moto"]


def row(name: str, signature: str, make: Any) -> Patch:
    return Patch("like_moto:Queue", name, signature, "It is wrong.", "it_is_wrong", make)


SEND = row("send", "(self, body, *, delay=0)", wrapped_by(lambda moto, self, *args: f"ours, {moto(self, *args)}"))
URL = row("url", "property", lambda moto, around: property(lambda queue: around.endpoint))
PARSE = row("parse", "static (text)", lambda moto, around: staticmethod(lambda text: f"ours, {moto(text)}"))
MORE = row("receive", ABSENT, replaced_by(lambda self: "ours"))
LIMIT = row("limit", "value of int", lambda moto, around: moto + 1)


def test_a_replacement_receives_motos_member_and_the_surroundings() -> None:
    apply((SEND, URL, PARSE, MORE, LIMIT), AROUND)
    queue: Any = Queue()
    assert (queue.send("a"), queue.url, queue.parse("b")) == ("ours, moto a 0", "http://here", "ours, moto b")
    assert (queue.receive(), queue.limit) == ("ours", 11)


def test_inherited_and_absent_members_are_restored() -> None:
    before = dict(vars(Queue))
    apply((SEND, MORE, row("inherited", "(self)", replaced_by(lambda self: "ours"))), AROUND)
    assert Queue().inherited() == "ours"
    unpatch()
    assert dict(vars(Queue)) == before
    assert Queue().inherited() == "moto"


def test_patches_are_removed_and_applied_again() -> None:
    apply((SEND, replace(SEND, over=True)), AROUND)
    removed = unpatch()
    assert Queue().send("a") == "moto a 0"
    repatch(removed)
    assert Queue().send("a") == "ours, ours, moto a 0"
    unpatch()
    assert Queue().send("a") == "moto a 0"


@pytest.mark.parametrize(
    ("patches", "message"),
    [
        ([SEND, SEND], "send is patched twice"),
        ([replace(SEND, over=True)], "send is declared over another patch, which is missing"),
        ([replace(SEND, signature="(self, body)")], "as '(self, body, *, delay=0)'; the patch expects '(self, body)'"),
        ([replace(SEND, name="sent")], "as 'absent'"),
        ([replace(MORE, name="send")], "the patch expects 'absent'"),
        ([replace(SEND, owner="like_moto:Topic")], "has no like_moto:Topic"),
        ([replace(SEND, owner="like_another")], "has no like_another"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused_and_nothing_is_patched(patches: list[Patch], message: str) -> None:
    before = dict(vars(Queue))
    with pytest.raises(CronstackError, match=r"(?s).*") as refused:
        apply((URL, *patches), AROUND)
    assert message in str(refused.value)
    assert refused.value.remedy
    assert dict(vars(Queue)) == before


def test_earlier_patches_survive_a_later_refusal() -> None:
    apply((URL,), AROUND)
    with pytest.raises(CronstackError):
        apply((SEND, SEND), AROUND)
    assert (Queue().url, Queue().send("a")) == ("http://here", "moto a 0")


@pytest.mark.parametrize("patch", [SEND, URL, PARSE, LIMIT, MORE], ids=lambda patch: patch.name)
def test_a_signature_is_that_of_the_member(patch: Patch) -> None:
    assert signature_of(resolve(patch.owner), patch.name) == patch.signature
