"""Commands about a whole deployed stack."""
