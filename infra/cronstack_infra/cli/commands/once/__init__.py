"""``cronstack once``: schedule, move, cancel and list one-time occurrences of a job."""
