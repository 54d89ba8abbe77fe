"""The future played through on virtual time: ``simulate``, ``simulate --dry``, ``prove`` and the report."""
