"""``cronstack explain`` and ``cronstack status``: views of a deployed stack."""
