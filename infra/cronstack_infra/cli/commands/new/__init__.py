"""``cronstack new``: write a project, or a job and its test into a project."""
