"""The proof by seeds: what one world plays by chance from its first event to its last, and the search through many."""
