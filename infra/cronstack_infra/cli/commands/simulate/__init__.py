"""``cronstack simulate``: play a span of time on a virtual clock, or read it from the timetables (``--dry``)."""
