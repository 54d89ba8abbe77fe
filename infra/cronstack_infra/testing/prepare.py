"""``prepare(cloud)`` in a project's ``tests/simulation.py``: it creates the data for a simulation.

    def prepare(cloud):
        cloud.client("s3").put_object(Bucket=cloud.outputs["Orders"], Key="2027-01-01.csv", Body=b"...")

``cloud`` is the same as the fixture of tests, so that tests and simulation can share code.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cronstack.errors import CronstackError, DeclarationError

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
    from cronstack_infra.testing.choice import Choice

FILE: Final = Path("tests", "simulation.py")
FUNCTION: Final = "prepare"


def preparation(choice: Choice) -> Callable[[VirtualCloud], None] | None:
    """Return a function that calls the project's ``prepare``. Return None if the file is missing.

    Raise DeclarationError if the file lacks the function, CronstackError if it cannot be imported or fails.
    """
    file = choice.project.root / FILE
    if not file.is_file():
        return None
    prepare = _loaded(file)

    def call(virtual: VirtualCloud) -> None:
        from cronstack_infra.testing.cloud import Cloud, Stack

        cloud = Cloud(virtual, Stack.of(virtual.client, choice), choice)
        try:
            prepare(cloud)
        except CronstackError:
            raise
        except Exception as fault:  # of the user's prepare
            raise _failed(file, fault) from fault

    return call


def _loaded(file: Path) -> Callable[[Any], object]:
    spec = spec_from_file_location("cronstack_simulation", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as fault:  # of the user's module
        raise _failed(file, fault) from fault
    prepare = getattr(module, FUNCTION, None)
    if not callable(prepare):
        raise DeclarationError(
            f"the function {FUNCTION} is missing", where=str(FILE), remedy=f"Write: def {FUNCTION}(cloud): ..."
        )
    found: Callable[[Any], object] = prepare
    return found


def _failed(file: Path, fault: Exception) -> CronstackError:
    lines = [frame.lineno for frame in traceback.extract_tb(fault.__traceback__) if frame.filename == str(file)]
    where = f"{FILE}:{lines[-1]}" if lines else str(FILE)
    return CronstackError(f"{where}: {type(fault).__name__}: {fault}", remedy="Correct it, or delete the file.")
