"""``simulate --dry``: what follows from timetables for a span of time. No handler runs."""
