"""Discovery: find the declared jobs, import them as Lambda does, and validate their declarations."""
