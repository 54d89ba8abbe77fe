"""The commands: each module here offers ``command``; a family of commands is a folder with ``command.py``."""
