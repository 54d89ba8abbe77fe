"""``cronstack completion``: the script for a shell."""
