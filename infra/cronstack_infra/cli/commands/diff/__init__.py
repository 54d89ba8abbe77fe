"""``cronstack diff``: the changes of a deployment in time."""
