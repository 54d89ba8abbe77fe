"""The proof by seeds: one world played at random from its first event to its last, and the search through many."""
