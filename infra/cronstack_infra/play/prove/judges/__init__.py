"""The judges: each checks a few invariants on one shared log. ``table`` maps each invariant to its judge."""
