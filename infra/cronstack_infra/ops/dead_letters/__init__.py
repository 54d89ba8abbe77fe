"""Dead letters: read them, unwrap their events, redrive them, and print a remedy for the rest."""
