"""Discovery: find the declared jobs, import them as Lambda would, and check what they declare."""
