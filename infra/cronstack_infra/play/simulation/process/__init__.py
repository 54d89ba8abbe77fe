"""Replacements in this process while a cloud plays: time, waiting, threads, files and randomness."""
