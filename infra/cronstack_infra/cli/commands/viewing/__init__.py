"""``cronstack status``, ``explain``, ``logs`` and ``audit``: views of a deployed stack."""
