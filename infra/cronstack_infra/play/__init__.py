"""Playing the future through before it comes: a fast store and the proof of the guard, on virtual time."""
