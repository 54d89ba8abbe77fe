"""The invariants: each judge checks a few of them on one shared log. ``table`` maps every invariant to its judge."""
