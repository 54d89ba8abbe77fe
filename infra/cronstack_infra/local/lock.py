"""The one lock around moto.

moto's backends have no locks, and its server answers each request in a separate thread: without this lock, several
conditional writes of one item could succeed. Every thread that touches a backend (the server's requests, the engine,
the executor) holds ``BACKENDS``. It is a condition: a synchronous invocation or a long poll of a queue waits with
``BACKENDS.wait(...)``, which releases the lock meanwhile. Code that changes a backend calls ``BACKENDS.notify_all()``.
"""

from __future__ import annotations

from threading import Condition, RLock
from typing import Final

BACKENDS: Final = Condition(RLock())
