"""The deploy check: refuses an update or a deletion of the stack that would lose something. See ``check``."""
