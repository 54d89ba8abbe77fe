"""What commands write: tables, JSON, times in words, and progress on a terminal."""
