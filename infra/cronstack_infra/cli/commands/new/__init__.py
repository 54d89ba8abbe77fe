"""``cronstack new``: create a project, or add a job and its test to a project."""
