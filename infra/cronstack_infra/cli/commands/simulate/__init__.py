"""``cronstack simulate``: simulate a span of time on a virtual clock, or only compute its firings (``--dry``)."""
