"""The limit of clock reads without waiting. The command line imports this module, so it loads nothing."""

from __future__ import annotations

from typing import Final

MAX_CLOCK_READS: Final = 5_000_000
"""Clock reads of one handler while virtual time does not move: some real seconds. More reads are a busy loop."""
