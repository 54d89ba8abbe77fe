"""Output of commands: tables, JSON, times as text, and progress on a terminal."""
