"""The whole state of a virtual cloud as bytes. Restoring takes milliseconds: each test starts with the deployed state.

The state is pickled, because pickling is written in C: a copy in Python takes ten times as long. All copies share what
cannot be pickled or never changes (functions, locks, timetables).
"""

from __future__ import annotations

import io
import pickle
import types
import weakref
from collections import defaultdict
from threading import Lock, RLock
from typing import Any, Final

from moto.moto_api._internal import mock_random

from cronstack.timetable.instants import Schedule
from cronstack_infra.local.engine.values import ScheduleConfig, Target
from cronstack_infra.local.moto import privates

_SHARED: Final = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    weakref.ref,
    type(RLock()),
    type(Lock()),
    Schedule,
    ScheduleConfig,
    Target,
)

_LONG: Final = 500
"""Length in characters or bytes above which a string is shared, too."""


_IN_USE: Final = privates.backends_in_use()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.shared: list[Any] = []
        self._numbers: dict[int, int] = {}

    def persistent_id(self, thing: Any) -> int | None:
        if not isinstance(thing, _SHARED) and not (type(thing) in (bytes, str) and len(thing) > _LONG):
            return None
        number = self._numbers.get(id(thing))
        if number is None:
            number = self._numbers[id(thing)] = len(self.shared)
            self.shared.append(thing)
        return number

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, weakref.WeakValueDictionary):
            return _rebuild_weak_dictionary, (dict(thing),)
        if isinstance(thing, defaultdict) and type(thing) is not defaultdict:
            return _rebuild_defaultdict, (type(thing), thing.default_factory, vars(thing), dict(thing))
        return NotImplemented


def _rebuild_weak_dictionary(items: dict[Any, Any]) -> Any:
    return weakref.WeakValueDictionary(items)


def _rebuild_defaultdict(kind: Any, factory: Any, fields: dict[str, Any], items: dict[Any, Any]) -> Any:
    """Return a defaultdict of a class of moto, whose constructor has other parameters."""
    rebuilt = kind.__new__(kind)
    defaultdict.__init__(rebuilt, factory, items)
    vars(rebuilt).update(fields)
    return rebuilt


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, shared: list[Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._shared = shared

    def persistent_load(self, number: Any) -> Any:
        return self._shared[number]


class Snapshot:
    """The state at one moment: of moto, and of the cloud itself (``own``)."""

    def __init__(self, own: object) -> None:
        state = {
            "moto": [
                (number, {account: dict(regions.items()) for account, regions in backends.items()})
                for number, backends in enumerate(_IN_USE)
            ],
            "own": own,
            "chance": mock_random.getstate(),
        }
        self._backends = list(_IN_USE)
        file = io.BytesIO()
        pickler = _Pickler(file)
        pickler.dump(state)
        self._data, self._shared = file.getvalue(), pickler.shared
        self.size = len(self._data)

    def restore(self) -> Any:
        """Restore the state of moto. Return a copy of the cloud's own state."""
        state = _Unpickler(self._data, self._shared).load()
        for backends in _IN_USE:
            backends.clear()
        _IN_USE[:] = self._backends
        for number, accounts in state["moto"]:
            for account, regions in accounts.items():
                place = self._backends[number][account]
                for region, backend in regions.items():
                    place[region] = backend
        mock_random.setstate(state["chance"])
        return state["own"]


class SavedBackends:
    """The state of moto before a virtual cloud was opened, for a test's own mock around the cloud."""

    def __init__(self) -> None:
        self._kept = [(backends, dict(backends.items())) for backends in _IN_USE]
        self._clear()

    def restore(self) -> None:
        self._clear()
        for backends, accounts in self._kept:
            backends.update(accounts)
            _IN_USE.append(backends)

    def _clear(self) -> None:
        for backends in _IN_USE:
            backends.clear()
        _IN_USE.clear()
