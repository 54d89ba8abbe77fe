"""The one lock around moto.

moto's backends have no locks, and its server answers each request in a thread of its own: without this, conditional
writes have several winners. Whoever touches a backend (the server's requests, the engine, the executor) holds
``BACKENDS``. It is a condition, so that what must wait inside moto (a synchronous invocation, a long poll of a
queue) waits with ``BACKENDS.wait(...)``, which lets go of the lock meanwhile, and whoever changes something calls
``BACKENDS.notify_all()``.
"""

from __future__ import annotations

from threading import Condition, RLock
from typing import Final

BACKENDS: Final = Condition(RLock())
