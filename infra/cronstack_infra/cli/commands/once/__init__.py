"""``cronstack once``: schedule a job for one time, move it, cancel it, and list what is planned."""
