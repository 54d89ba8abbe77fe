"""The future, played on virtual time: ``simulate``, ``simulate --dry``, ``prove`` and the report."""
