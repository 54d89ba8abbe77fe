"""A virtual cloud: its parts (``compose``), its states (``life``), and its interface for tests (``virtual_cloud``)."""
