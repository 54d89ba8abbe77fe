"""``simulate --dry``: what timetables say about a span of time. No handler runs."""
