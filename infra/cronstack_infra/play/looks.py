"""How often handler code may read the clock without waiting. Imported by the command line, so it loads nothing."""

from __future__ import annotations

from typing import Final

MOST_LOOKS: Final = 5_000_000
"""Clock reads of one handler while virtual time stands still: some seconds of the machine's. More is a busy loop."""
