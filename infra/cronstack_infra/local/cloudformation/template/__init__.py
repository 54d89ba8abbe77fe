"""What a template says: parsed, checked, its types known and its references resolved."""
