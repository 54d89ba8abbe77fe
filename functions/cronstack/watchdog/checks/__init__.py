"""Checks of the watchdog, one module for each family of causes. Pure: from what was read to findings."""
