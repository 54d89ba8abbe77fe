"""``python -m tests.reference``: write ``functions/REFERENCE.md`` from the code."""

from __future__ import annotations

from tests.places import ROOT
from tests.reference.page import REFERENCE, page

if __name__ == "__main__":
    REFERENCE.write_text(page(), "utf-8")
    print(f"wrote {REFERENCE.relative_to(ROOT)}")
