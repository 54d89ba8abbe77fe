"""Deployed code in this process: how it is loaded, called, suspended and killed, and its planned faults."""
