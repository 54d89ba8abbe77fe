"""The checks, except those of drift. Each module has a function that reads facts, and a pure one that judges them."""
