"""The proof by a walk: a small space, its moves, and every state that they lead to. No random numbers."""
