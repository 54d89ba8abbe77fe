"""The commands. Each module here has an attribute ``command``. Related commands share a folder with ``command.py``."""
