"""The modules that ``once`` loads: few of the runtime, none of the kit, zoneinfo only for a named zone."""

from __future__ import annotations

import pytest

from tests.bench.once_cold import FROM_NOW, HEAVY, IN_A_ZONE, loaded


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if any(name == package or name.startswith(f"{package}.") for package in HEAVY)}


@pytest.mark.parametrize("program", ["from cronstack import once", FROM_NOW])
def test_neither_the_import_nor_the_first_call_loads_anything_heavy(program: str) -> None:
    modules = loaded(program)
    assert "cronstack.onetime.once" in modules
    assert heavy(modules) == set()
    assert "zoneinfo" not in modules
    assert (
        not {"cronstack.runtime", "cronstack.guard.protocol", "cronstack.timetable.instants", "cronstack.onetime.bulk"}
        & modules
    )


def test_a_zone_is_loaded_when_it_is_named() -> None:
    modules = loaded(IN_A_ZONE)
    assert "zoneinfo" in modules
    assert heavy(modules) == set()
