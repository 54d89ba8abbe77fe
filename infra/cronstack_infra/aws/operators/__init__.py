"""The rights of people who operate a stack: to look at it, and to act on it."""
