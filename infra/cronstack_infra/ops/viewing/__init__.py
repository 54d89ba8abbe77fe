"""Views of a deployed stack: everything of one run, the runs as they change, and everything at a glance."""
