"""Deployed code in this process: how it is loaded, called, suspended and killed, and what goes wrong on purpose."""
