"""The folders of the proof stand in layers: a lower one never imports a higher one, not even for a type."""

from __future__ import annotations

from tests.test_house import AROUND, imports, python_files

PROVE = AROUND / "play" / "prove"
PACKAGE = "cronstack_infra.play.prove."
LAYERS = (("models", "workers"), ("log",), ("judges",), ("observer",), ("seeds", "walk"))
"""From the lowest up. Names in one layer do not import each other."""


def test_lower_layers_never_import_higher_ones() -> None:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    found = []
    for file in python_files(PROVE):
        own = file.relative_to(PROVE).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for line, name in imports(file, executed_only=False):
            other = name.removeprefix(PACKAGE).split(".")[0]
            if name.startswith(PACKAGE) and other != own and layer[other] >= layer[own]:
                found.append(f"{file.relative_to(PROVE)}:{line} imports {name}, which is not below it")
    assert not found, "\n".join(found)


def test_every_module_and_folder_has_a_layer() -> None:
    names = {file.relative_to(PROVE).parts[0].removesuffix(".py") for file in python_files(PROVE)} - {"__init__"}
    assert names == {name for names in LAYERS for name in names}
