"""Schedules, and the instants at which they fire: expressions, time zones, clock changes. Pure."""
