"""A virtual cloud: its parts (``compose``), its states (``life``), and what a test does with it (``virtual_cloud``)."""
