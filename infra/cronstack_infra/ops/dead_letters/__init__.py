"""Dead letters: read them, unwrap their events, redrive them, and say what to do about the rest."""
