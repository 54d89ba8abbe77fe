"""Golden files: one for each kind of row, event, letter and schedule, by the version of the items that wrote them.

A file holds what was stored, and what the code must read it as. A folder of a released version is never changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from cronstack.event import parse_event
from cronstack.ledger import items
from cronstack.ledger.rows import LeaseItem, RunItem
from cronstack_infra.ops.dead_letters.unwrapping import unwrap
from tests.cronstack.golden.rows import ROWS
from tests.cronstack.golden.wire import WIRE
from tests.cronstack.golden.world import JOB
from tests.places import TESTS

FOLDER: Final = TESTS / "cronstack" / "golden"
RENEW: Final = "python -m tests.cronstack.golden"

Reads = Mapping[str, Any]


class Sample(NamedTuple):
    """One golden file. ``name``: its path within the version's folder, without the suffix."""

    name: str
    what: str
    stored: Mapping[str, Any]
    reads: Reads
    """The fields that differ from their defaults; empty for what no code of Cronstack reads back."""
    version: int = items.VERSION

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]

    @property
    def path(self) -> Path:
        return FOLDER / f"v{self.version}" / f"{self.name}.json"

    def text(self) -> str:
        fields = {"what": self.what, "stored": self.stored, "reads": self.reads}
        return json.dumps(fields, indent=2, sort_keys=False, ensure_ascii=False) + "\n"


SCENES: Final = {**ROWS, **WIRE}
"""What makes each sample. Each has a world of its own, so a change of one changes no other."""


def make(name: str) -> Sample:
    """Return the sample that today's code makes."""
    scene = SCENES[name]
    stored = scene()
    if name in ROWS:
        stored = dict(sorted(stored.items()))
    return Sample(name, " ".join((scene.__doc__ or "").split()), stored, read(name.partition("/")[0], stored))


def kept() -> list[Sample]:
    """Return the samples of all versions, as the files hold them."""
    return [
        Sample(
            f"{file.parent.name}/{file.stem}",
            **json.loads(file.read_text(encoding="utf-8")),
            version=int(file.parent.parent.name.removeprefix("v")),
        )
        for file in sorted(FOLDER.glob("v*/*/*.json"))
    ]


def renew() -> list[Path]:
    """Write the files of today's version. Return those that have changed, and those that are gone."""
    samples = {sample.path: sample for sample in map(make, SCENES)}
    changed = []
    for path, sample in samples.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != sample.text():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(sample.text(), encoding="utf-8")
            changed.append(path)
    for path in FOLDER.glob(f"v{items.VERSION}/*/*.json"):
        if path not in samples:
            path.unlink()
            changed.append(path)
    return changed


# -- how today's code reads them ---------------------------------------------------------------------------------------
def read(kind: str, stored: Mapping[str, Any]) -> Reads:
    """Read what is stored, and return the fields that differ from their defaults."""
    return READERS[kind](stored)


def _read_lease(item: Mapping[str, Any]) -> Reads:
    return _fields(items.read_lease(item), LeaseItem())


def _read_run(item: Mapping[str, Any]) -> Reads:
    run = items.read_run(item)
    assert run is not None
    return _fields(run, RunItem(""))


def _read_plan(item: Mapping[str, Any]) -> Reads:
    plan = items.read_plan(item)
    assert plan is not None
    return _fields(plan)


def _read_event(event: Mapping[str, Any]) -> Reads:
    return _fields(parse_event(dict(event), JOB))


def _read_letter(body: Mapping[str, Any]) -> Reads:
    letter = unwrap(json.dumps(body), {}, "handler", "shop")
    assert letter.occurrence is not None
    named = {name: getattr(letter, name) for name in ("origin", "job", "attempt", "reason", "error")}
    return named | {"occurrence": letter.occurrence.id}


def _read_nothing(stored: Mapping[str, Any]) -> Reads:
    return {}


READERS: Final[dict[str, Callable[[Mapping[str, Any]], Reads]]] = {
    "lease": _read_lease,
    "run": _read_run,
    "key": _read_run,
    "plan": _read_plan,
    "event": _read_event,
    "letter": _read_letter,
    "schedule": _read_nothing,
    "names": _read_nothing,
}


def _fields(value: Any, default: Any = None) -> Reads:
    defaults = type(value)._field_defaults if default is None else default._asdict()
    return {name: field for name, field in value._asdict().items() if name not in defaults or field != defaults[name]}
