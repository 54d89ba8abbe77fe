"""What an invocation knows of the time, although its own clock may be wrong. Imports nothing by itself."""
