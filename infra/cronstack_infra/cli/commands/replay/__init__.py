"""``cronstack replay``: a pulled run on this machine."""
