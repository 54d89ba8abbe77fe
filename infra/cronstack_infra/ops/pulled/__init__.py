"""A run of a deployed stack as a file, for a replay on another machine: ``file`` is its form, ``pulling`` reads it."""
