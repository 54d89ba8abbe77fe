"""The time of an invocation whose own clock may be wrong. Importing this package imports nothing else."""
