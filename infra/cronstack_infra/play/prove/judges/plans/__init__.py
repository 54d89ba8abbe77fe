"""Judges of plans: their revisions, and what code that may plan can write."""
