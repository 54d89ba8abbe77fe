"""One-time occurrences from application code: ``once``."""
