"""The proof by a walk: a small space, its moves, and every state that they lead to. Nothing is left to chance."""
